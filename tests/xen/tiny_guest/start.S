/* PVH entry (docs/misc/pvh.pandoc of Xen): 32-bit flat, paging off, %ebx = struct hvm_start_info.
 * Identity-maps the first 4 GiB with 2 MiB pages, enters 64-bit mode, calls tiny_main. */
    .section .note.Xen, "a", @note
    .long 4, 4, 18                      /* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start

    .text
    .code32
    .globl start
start:
    cli
    mov $stack_end, %esp

    mov $page_directories, %edi
    mov $0x83, %eax                     /* present, writable, large */
fill_directories:
    mov %eax, (%edi)
    movl $0, 4(%edi)
    add $8, %edi
    add $0x200000, %eax
    jnc fill_directories                /* carries when it has reached 4 GiB */

    movl $page_directories + 0x0003, directory_pointers
    movl $page_directories + 0x1003, directory_pointers + 8
    movl $page_directories + 0x2003, directory_pointers + 16
    movl $page_directories + 0x3003, directory_pointers + 24
    movl $directory_pointers + 3, top_table

    mov %cr4, %eax
    or $0x20, %eax                      /* PAE */
    mov %eax, %cr4
    mov $top_table, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx               /* EFER.LME */
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000001, %eax                /* PG, PE */
    mov %eax, %cr0
    lgdt descriptor_table_register
    ljmp $8, $in_long_mode

    .code64
in_long_mode:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %ebx, %edi
    call tiny_main
stop:
    hlt
    jmp stop

    .section .rodata
    .balign 8
descriptor_table:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff    /* null, 64-bit code, data */
descriptor_table_register:
    .word . - descriptor_table - 1
    .long descriptor_table

    .bss
    .balign 4096
top_table:
    .skip 4096
directory_pointers:
    .skip 4096
page_directories:
    .skip 4 * 4096
    .skip 16384
stack_end:
    .section .note.GNU-stack, "", @progbits
