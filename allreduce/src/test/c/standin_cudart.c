/* Stand-in for libcudart.so.13 in tests without a GPU: devices are stretches of the host's memory.
 *
 * Promises of the real library that it keeps:
 *  - a stream is a queue: what is put there runs in order, on a thread of the stream's own, and the
 *    call that puts it there returns at once;
 *  - stream 0 of a device is its default stream; streams made here are non-blocking ones: they and
 *    the default stream do not wait for each other unless an event says so;
 *  - an event that was recorded is complete once what was put on the stream before it has run; one
 *    that was not is complete;
 *  - memory of the device is given out up to a limit (8 GiB a device), else error 2; what was not
 *    freed is counted and printed at the end of the process, if TRIREME_STANDIN_LEAKS is set;
 *  - to free memory of a device, or page-locked memory that was made beside it, waits until all that
 *    was put on any of that device's streams has run: so it does not return while an operation
 *    without its peers runs there (of page-locked memory the real one does not promise to wait, nor
 *    not to);
 *  - fresh memory holds rubbish;
 *  - an address that was not given out, or a wrong device, is error 1 or 101;
 *  - CUDA_VISIBLE_DEVICES, a list of numbers or of UUIDs as GPU-00000002, shows those devices alone.
 * Not kept: speed, kernels, contexts, everything else. No figure may be taken from it. */
#define _GNU_SOURCE
#include "standin.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICES = 8, SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, NOT_READY = 600 };
static const size_t DEVICE_BYTES = (size_t)8 << 30;

struct task {
  void (*run)(void *);
  void *argument;
  struct task *next;
};

struct stream {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t thread;
  struct task *head, *tail;
  uint64_t put, done;
  int ending, device;
};

struct event {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t recorded, complete;
  int holders;
};

struct block {
  void *address;
  size_t bytes;
  int device, on_host; /* made beside that device, but page-locked memory of the host */
  struct block *next;
};

static pthread_mutex_t everything = PTHREAD_MUTEX_INITIALIZER;
static struct stream *defaults[DEVICES];
static struct block *blocks;
static size_t used[DEVICES];
static int unfinished[DEVICES]; /* atomic: what was put on the device's streams and has not run yet */
static int streams_alive, events_alive;
static __thread int device;

static void *work(void *argument) {
  struct stream *s = argument;
  pthread_mutex_lock(&s->lock);
  while (1) {
    while (!s->head && !s->ending) pthread_cond_wait(&s->changed, &s->lock);
    struct task *task = s->head;
    if (!task) break;
    s->head = task->next;
    if (!s->head) s->tail = NULL;
    pthread_mutex_unlock(&s->lock);
    task->run(task->argument);
    free(task);
    __atomic_sub_fetch(&unfinished[s->device], 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&s->lock);
    s->done++;
    pthread_cond_broadcast(&s->changed);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

static struct stream *make_stream(void) {
  struct stream *s = calloc(1, sizeof *s);
  s->device = device;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->changed, NULL);
  pthread_create(&s->thread, NULL, work, s);
  return s;
}

static struct stream *of(void *stream) {
  if (stream) return stream;
  pthread_mutex_lock(&everything);
  if (!defaults[device]) defaults[device] = make_stream();
  struct stream *s = defaults[device];
  pthread_mutex_unlock(&everything);
  return s;
}

void standin_enqueue(void *stream, void (*run)(void *), void *argument) {
  struct stream *s = of(stream);
  struct task *task = calloc(1, sizeof *task);
  task->run = run;
  task->argument = argument;
  __atomic_add_fetch(&unfinished[s->device], 1, __ATOMIC_SEQ_CST);
  pthread_mutex_lock(&s->lock);
  if (s->tail) s->tail->next = task;
  else s->head = task;
  s->tail = task;
  s->put++;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->lock);
}

/* How many devices are shown; sets the host's number of one of them. */
static int shown(int index, int *number) {
  const char *at = getenv("CUDA_VISIBLE_DEVICES");
  *number = index;
  if (!at) return DEVICES;
  int count = 0;
  while (*at) {
    char *after;
    long found = strncmp(at, "GPU-", 4) == 0 ? strtol(at + 4, &after, 16) : strtol(at, &after, 10);
    if (after == at || found < 0 || found >= DEVICES) break;
    if (count++ == index) *number = (int)found;
    at = *after == ',' ? after + 1 : after;
  }
  return count;
}

int standin_device(void) {
  int number;
  shown(device, &number);
  return number;
}

/* ---- devices ---------------------------------------------------------------------------------- */

int cudaSetDevice(int index) {
  int number;
  if (index < 0 || index >= shown(index, &number)) return INVALID_DEVICE;
  device = index;
  return SUCCESS;
}

int cudaGetDevice(int *index) {
  *index = device;
  return SUCCESS;
}

int cudaGetDeviceCount(int *count) {
  int number;
  *count = shown(0, &number);
  return *count ? SUCCESS : NO_DEVICE;
}

int cudaRuntimeGetVersion(int *version) {
  *version = 13000;
  return SUCCESS;
}

int cudaDriverGetVersion(int *version) {
  *version = 13000;
  return SUCCESS;
}

int cudaGetLastError(void) { return SUCCESS; }

const char *cudaGetErrorString(int error) {
  switch (error) {
    case SUCCESS: return "no error";
    case INVALID_VALUE: return "invalid argument";
    case OUT_OF_MEMORY: return "out of memory";
    case NO_DEVICE: return "no CUDA-capable device is detected";
    case INVALID_DEVICE: return "invalid device ordinal";
    case NOT_READY: return "device not ready";
    default: return "unrecognized error code";
  }
}

const char *cudaGetErrorName(int error) { return cudaGetErrorString(error); }

/* ---- memory ----------------------------------------------------------------------------------- */

static int allocate(void **address, size_t bytes, int on_host) {
  pthread_mutex_lock(&everything);
  int result = SUCCESS;
  *address = NULL;
  if (bytes > DEVICE_BYTES - (on_host ? 0 : used[device])) {
    result = OUT_OF_MEMORY;
  } else {
    struct block *block = malloc(sizeof *block);
    *block = (struct block){malloc(bytes ? bytes : 1), bytes, device, on_host, blocks};
    memset(block->address, 0xA5, bytes ? bytes : 1);
    blocks = block;
    if (!on_host) used[device] += bytes;
    *address = block->address;
  }
  pthread_mutex_unlock(&everything);
  return result;
}

/* The place of a block in the list, or of its end. */
static struct block **find(void *address, int on_host) {
  struct block **at = &blocks;
  while (*at && ((*at)->address != address || (*at)->on_host != on_host)) at = &(*at)->next;
  return at;
}

static int deallocate(void *address, int on_host) {
  if (!address) return SUCCESS;
  pthread_mutex_lock(&everything);
  struct block *block = *find(address, on_host);
  int beside = block ? block->device : -1;
  pthread_mutex_unlock(&everything);
  if (beside < 0) return INVALID_VALUE;
  while (__atomic_load_n(&unfinished[beside], __ATOMIC_SEQ_CST) > 0) usleep(50);
  pthread_mutex_lock(&everything);
  struct block **at = find(address, on_host);
  block = *at;
  if (block) {
    if (!on_host) used[block->device] -= block->bytes;
    *at = block->next;
    free(block->address);
    free(block);
  }
  pthread_mutex_unlock(&everything);
  return block ? SUCCESS : INVALID_VALUE;
}

int cudaStreamSynchronize(void *stream);

int cudaMalloc(void **address, size_t bytes) { return allocate(address, bytes, 0); }
int cudaMallocHost(void **address, size_t bytes) { return allocate(address, bytes, 1); }
int cudaFreeHost(void *address) { return deallocate(address, 1); }
int cudaFree(void *address) { return deallocate(address, 0); }

int cudaMemGetInfo(size_t *available, size_t *total) {
  pthread_mutex_lock(&everything);
  *available = DEVICE_BYTES - used[device];
  *total = DEVICE_BYTES;
  pthread_mutex_unlock(&everything);
  return SUCCESS;
}

struct copy {
  void *to;
  const void *from;
  size_t bytes;
  int value;
};

static void run_copy(void *argument) {
  struct copy *copy = argument;
  if (copy->from) memmove(copy->to, copy->from, copy->bytes);
  else memset(copy->to, copy->value, copy->bytes);
  free(copy);
}

static int put_copy(void *to, const void *from, size_t bytes, int value, void *stream) {
  if (bytes == 0) return SUCCESS;
  struct copy *copy = malloc(sizeof *copy);
  *copy = (struct copy){to, from, bytes, value};
  standin_enqueue(stream, run_copy, copy);
  return SUCCESS;
}

int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
  return kind < 0 || kind > 4 ? INVALID_VALUE : put_copy(to, from, bytes, 0, stream);
}

int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) {
  int result = cudaMemcpyAsync(to, from, bytes, kind, NULL);
  return result ? result : cudaStreamSynchronize(NULL);
}

int cudaMemsetAsync(void *to, int value, size_t bytes, void *stream) { return put_copy(to, NULL, bytes, value, stream); }
int cudaMemset(void *to, int value, size_t bytes) { return cudaMemsetAsync(to, value, bytes, NULL); }

/* ---- streams ---------------------------------------------------------------------------------- */

int cudaStreamCreateWithFlags(void **stream, unsigned flags) {
  if (flags > 1) return INVALID_VALUE;
  *stream = make_stream();
  __atomic_add_fetch(&streams_alive, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

int cudaStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
  (void)priority;
  return cudaStreamCreateWithFlags(stream, flags);
}

int cudaStreamCreate(void **stream) { return cudaStreamCreateWithFlags(stream, 0); }

int cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return SUCCESS;
}

int cudaStreamSynchronize(void *stream) {
  struct stream *s = of(stream);
  pthread_mutex_lock(&s->lock);
  uint64_t until = s->put;
  while (s->done < until) pthread_cond_wait(&s->changed, &s->lock);
  pthread_mutex_unlock(&s->lock);
  return SUCCESS;
}

int cudaDeviceSynchronize(void) { return cudaStreamSynchronize(NULL); }

int cudaStreamQuery(void *stream) {
  struct stream *s = of(stream);
  pthread_mutex_lock(&s->lock);
  int ready = s->done == s->put;
  pthread_mutex_unlock(&s->lock);
  return ready ? SUCCESS : NOT_READY;
}

int cudaStreamDestroy(void *stream) {
  struct stream *s = stream;
  if (!s) return INVALID_VALUE;
  pthread_mutex_lock(&s->lock);
  s->ending = 1;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->lock);
  pthread_join(s->thread, NULL);
  free(s);
  __atomic_sub_fetch(&streams_alive, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

/* ---- events ----------------------------------------------------------------------------------- */

int cudaEventCreateWithFlags(void **event, unsigned flags) {
  (void)flags;
  struct event *e = calloc(1, sizeof *e);
  pthread_mutex_init(&e->lock, NULL);
  pthread_cond_init(&e->changed, NULL);
  e->holders = 1;
  *event = e;
  __atomic_add_fetch(&events_alive, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

int cudaEventCreate(void **event) { return cudaEventCreateWithFlags(event, 0); }

static void release(struct event *e) {
  pthread_mutex_lock(&e->lock);
  int last = --e->holders == 0;
  pthread_mutex_unlock(&e->lock);
  if (last) free(e);
}

struct mark {
  struct event *event;
  uint64_t number;
};

static struct mark *mark(struct event *e, int next) {
  struct mark *m = malloc(sizeof *m);
  pthread_mutex_lock(&e->lock);
  e->recorded += next;
  e->holders++;
  *m = (struct mark){e, e->recorded};
  pthread_mutex_unlock(&e->lock);
  return m;
}

static void complete(void *argument) {
  struct mark *m = argument;
  pthread_mutex_lock(&m->event->lock);
  if (m->event->complete < m->number) m->event->complete = m->number;
  pthread_cond_broadcast(&m->event->changed);
  pthread_mutex_unlock(&m->event->lock);
  release(m->event);
  free(m);
}

static void await(void *argument) {
  struct mark *m = argument;
  pthread_mutex_lock(&m->event->lock);
  while (m->event->complete < m->number) pthread_cond_wait(&m->event->changed, &m->event->lock);
  pthread_mutex_unlock(&m->event->lock);
  release(m->event);
  free(m);
}

int cudaEventRecord(void *event, void *stream) {
  if (!event) return INVALID_VALUE;
  standin_enqueue(stream, complete, mark(event, 1));
  return SUCCESS;
}

int cudaStreamWaitEvent(void *stream, void *event, unsigned flags) {
  (void)flags;
  if (!event) return INVALID_VALUE;
  standin_enqueue(stream, await, mark(event, 0));
  return SUCCESS;
}

int cudaEventQuery(void *event) {
  struct event *e = event;
  if (!e) return INVALID_VALUE;
  pthread_mutex_lock(&e->lock);
  int ready = e->complete == e->recorded;
  pthread_mutex_unlock(&e->lock);
  return ready ? SUCCESS : NOT_READY;
}

int cudaEventSynchronize(void *event) {
  struct event *e = event;
  pthread_mutex_lock(&e->lock);
  while (e->complete != e->recorded) pthread_cond_wait(&e->changed, &e->lock);
  pthread_mutex_unlock(&e->lock);
  return SUCCESS;
}

int cudaEventElapsedTime(float *milliseconds, void *start, void *end) {
  (void)start;
  (void)end;
  *milliseconds = 0;
  return SUCCESS;
}

int cudaEventDestroy(void *event) {
  if (!event) return INVALID_VALUE;
  release(event);
  __atomic_sub_fetch(&events_alive, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

/* ---- the end ---------------------------------------------------------------------------------- */

__attribute__((destructor)) static void leaks(void) {
  if (!getenv("TRIREME_STANDIN_LEAKS")) return;
  size_t bytes = 0;
  int count = 0;
  pthread_mutex_lock(&everything);
  for (struct block *block = blocks; block; block = block->next) {
    bytes += block->bytes;
    count++;
  }
  pthread_mutex_unlock(&everything);
  printf("STANDIN LEFT %d blocks of %zu bytes, %d streams, %d events\n", count, bytes, streams_alive, events_alive);
  fflush(stdout);
}
