/* What the stand-in for the CUDA runtime offers to the one for NCCL. */
#ifndef STANDIN_H
#define STANDIN_H
#include <stddef.h>

/* Runs task(argument) on a thread of the stream's own, after all that was put there before. */
void standin_enqueue(void *stream, void (*task)(void *), void *argument);

/* The calling thread's device, as the host numbers them. */
int standin_device(void);
#endif
