/**
 * What ranks of one formation can do together: the collectives' port and its errors.
 * Implementations move bytes over shared memory, TCP, Aeron or NCCL; callers see buffers and
 * deadlines.
 */
package dev.trireme.api.collective;
