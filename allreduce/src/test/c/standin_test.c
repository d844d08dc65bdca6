/* The stand-ins' own test: ranks as threads reduce, exchange messages, abort what hangs and close.
 * Built and run by check.sh, under AddressSanitizer or valgrind. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RANKS = 3, COUNT = 100003 };
typedef struct { char bytes[128]; } unique_id;
struct config { size_t size; unsigned magic, version; int blocking; };

int cudaSetDevice(int);
int cudaMalloc(void **, size_t);
int cudaFree(void *);
int cudaMallocHost(void **, size_t);
int cudaFreeHost(void *);
int cudaMemcpy(void *, const void *, size_t, int);
int cudaStreamCreateWithFlags(void **, unsigned);
int cudaStreamDestroy(void *);
int cudaStreamSynchronize(void *);
int cudaStreamWaitEvent(void *, void *, unsigned);
int cudaEventCreateWithFlags(void **, unsigned);
int cudaEventRecord(void *, void *);
int cudaEventQuery(void *);
int cudaEventDestroy(void *);
int ncclGetUniqueId(unique_id *);
int ncclCommInitRankConfig(void **, int, unique_id, int, struct config *);
int ncclCommGetAsyncError(void *, int *);
int ncclCommAbort(void *);
int ncclCommDestroy(void *);
int ncclCommShrink(void *, int *, int, void **, struct config *, int);
int ncclGroupStart(void);
int ncclGroupEnd(void);
int ncclAllReduce(const void *, void *, size_t, int, int, void *, void *);
int ncclSend(const void *, size_t, int, int, void *, void *);
int ncclRecv(void *, size_t, int, int, void *, void *);

#define MUST(condition) do { if (!(condition)) { fprintf(stderr, "line %d: %s\n", __LINE__, #condition); abort(); } } while (0)

static unique_id id, second_id, third_id;

static void settle(void *comm, int result) {
  MUST(result == 0 || result == 7);
  int state = 7;
  while (state == 7) {
    MUST(ncclCommGetAsyncError(comm, &state) == 0);
    usleep(100);
  }
  MUST(state == 0);
}

static int freed; /* atomic */

static void *free_main(void *memory) {
  MUST(cudaFreeHost(memory) == 0);
  __atomic_store_n(&freed, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void *rank_main(void *argument) {
  int rank = (int)(intptr_t)argument;
  void *comm, *stream, *ready, *memory;
  struct config config = {sizeof config, 0xcafebeef, 22903, 0};
  MUST(cudaSetDevice(rank) == 0);
  MUST(cudaStreamCreateWithFlags(&stream, 1) == 0);
  MUST(cudaEventCreateWithFlags(&ready, 2) == 0);
  MUST(cudaMalloc(&memory, COUNT * sizeof(float)) == 0);
  MUST(ncclCommInitRankConfig(&comm, RANKS, id, rank, &config) == 7);
  settle(comm, 7);
  float *values = malloc(COUNT * sizeof(float));
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < COUNT; i++) values[i] = (float)((i + rank) % 100);
    MUST(cudaMemcpy(memory, values, COUNT * sizeof(float), 4) == 0);
    MUST(cudaEventRecord(ready, NULL) == 0);
    MUST(cudaStreamWaitEvent(stream, ready, 0) == 0);
    settle(comm, ncclAllReduce(memory, memory, COUNT, 7, 0, comm, stream));
    MUST(cudaStreamSynchronize(stream) == 0);
    MUST(cudaMemcpy(values, memory, COUNT * sizeof(float), 4) == 0);
    for (int i = 0; i < COUNT; i++) {
      float expected = 0;
      for (int other = 0; other < RANKS; other++) expected += (float)((i + other) % 100);
      MUST(values[i] == expected);
    }
  }
  int64_t mine[RANKS], theirs[RANKS];
  for (int other = 0; other < RANKS; other++) mine[other] = 10 * rank + other;
  MUST(ncclGroupStart() == 0);
  for (int other = 0; other < RANKS; other++) {
    MUST(ncclSend(&mine[other], 1, 4, other, comm, stream) == 0);
    MUST(ncclRecv(&theirs[other], 1, 4, other, comm, stream) == 0);
  }
  settle(comm, ncclGroupEnd());
  MUST(cudaStreamSynchronize(stream) == 0);
  for (int other = 0; other < RANKS; other++) MUST(theirs[other] == 10 * other + rank);
  MUST(ncclCommDestroy(comm) == 0);

  /* Rank 0 reduces alone and gives up; the others never come. Nothing of its device is freed before. */
  void *locked;
  pthread_t freeing;
  MUST(ncclCommInitRankConfig(&comm, RANKS, second_id, rank, &config) == 7);
  settle(comm, 7);
  if (rank == 0) {
    settle(comm, ncclAllReduce(memory, memory, COUNT, 7, 0, comm, stream));
    MUST(cudaEventRecord(ready, stream) == 0);
    MUST(cudaMallocHost(&locked, 64) == 0);
    pthread_create(&freeing, NULL, free_main, locked);
    usleep(20000);
    MUST(cudaEventQuery(ready) == 600);
    MUST(!__atomic_load_n(&freed, __ATOMIC_SEQ_CST));
  }
  MUST(ncclCommAbort(comm) == 0);
  if (rank == 0) pthread_join(freeing, NULL);
  MUST(cudaStreamSynchronize(stream) == 0);
  MUST(cudaEventQuery(ready) == 0);

  /* Rank 1 is gone in the middle of an all-reduce; those left go on without it, and sum rightly. */
  void *left;
  MUST(ncclCommInitRankConfig(&comm, RANKS, third_id, rank, &config) == 7);
  settle(comm, 7);
  if (rank != 1) {
    settle(comm, ncclAllReduce(memory, memory, COUNT, 7, 0, comm, stream));
    int gone[] = {1}, state = 7;
    MUST(ncclCommShrink(comm, gone, 1, &left, &config, 1) == 7);
    while (state == 7) {
      MUST(ncclCommGetAsyncError(comm, &state) == 0);
      usleep(100);
    }
    MUST(state == 0);
    settle(left, 7);
    for (int i = 0; i < COUNT; i++) values[i] = (float)(rank + 1);
    MUST(cudaMemcpy(memory, values, COUNT * sizeof(float), 4) == 0);
    settle(left, ncclAllReduce(memory, memory, COUNT, 7, 0, left, stream));
    MUST(cudaStreamSynchronize(stream) == 0);
    MUST(cudaMemcpy(values, memory, COUNT * sizeof(float), 4) == 0);
    for (int i = 0; i < COUNT; i++) MUST(values[i] == 4);
    MUST(ncclCommDestroy(left) == 0);
  }
  MUST(ncclCommAbort(comm) == 0);
  free(values);
  MUST(cudaFree(memory) == 0);
  MUST(cudaEventDestroy(ready) == 0);
  MUST(cudaStreamDestroy(stream) == 0);
  return NULL;
}

int main(void) {
  pthread_t threads[RANKS];
  MUST(ncclGetUniqueId(&id) == 0 && ncclGetUniqueId(&second_id) == 0 && ncclGetUniqueId(&third_id) == 0);
  for (int rank = 0; rank < RANKS; rank++) pthread_create(&threads[rank], NULL, rank_main, (void *)(intptr_t)rank);
  for (int rank = 0; rank < RANKS; rank++) pthread_join(threads[rank], NULL);
  puts("the stand-ins keep what they promise");
  return 0;
}
