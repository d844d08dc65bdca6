/* Stand-in for libnccl.so.2 in tests without a GPU: ranks are threads or processes of one machine
 * that meet in a POSIX shared memory object named after the unique id.
 *
 * Promises of the real library that it keeps:
 *  - a unique id is made by one rank; init completes when all ranks with it have called it; with
 *    blocking = 0 it returns ncclInProgress at once and the state says when it is done;
 *  - operations are put on the stream that they are given and run there; nothing runs for a call
 *    that is still in progress, and the next call on that communicator must wait for that;
 *  - between ncclGroupStart and ncclGroupEnd operations are gathered; sends and receives of one
 *    group go on side by side, so that they cannot wait for each other in a circle;
 *  - a peer that is gone is not noticed: operations wait for it until ncclCommAbort;
 *  - ncclCommAbort ends what waits and frees the communicator; to use it afterwards ends the
 *    process with a message here (with the real library it is undefined);
 *  - two ranks on one device are refused with the real library's words, from 2.30 on with its new
 *    ones, which are others again in 2.30.7, and not at all where NCCL_MULTI_RANK_GPU_ENABLE is 1;
 *  - a mean of floating-point numbers is a sum of what was multiplied by 1/n, rounded to its type
 *    each time; that of whole numbers is their sum divided by n;
 *  - ncclGetLastError knows one text for the whole process, which is never cleared;
 *  - ncclGetUniqueId with an NCCL_SOCKET_IFNAME that begins with "absent" fails with its words;
 *  - ncclCommShrink is called by those that are not excluded, who keep their order; with its abort
 *    flag it first ends what is in flight on the parent, within the call, which may not be joined
 *    by an abort of the parent; without it waits for that; a parent in error is refused with that
 *    error; with blocking = 0 the parent's state says when the new communicator is there, which is
 *    written to its place only then, also where it could not be made and is there to be freed;
 *    the parent stays to be freed too, and before that one where that could not be made.
 * Faults on demand: the file that TRIREME_STANDIN_FAULTS (or, where it was compiled in,
 * STANDIN_FAULTS) names holds lines "hang RANK LAUNCH" and "error RANK LAUNCH": that rank's launch
 * of that number, counted from 1 on each communicator (0: every one), never completes, or ends in
 * an asynchronous ncclRemoteError. "part RANK LAUNCH": it does the first 64 KiB of a collective only, as
 * a rank that dies meanwhile. "shrink RANK 0": that rank's ncclCommShrink fails after a while.
 * "slowshrink RANK MILLIS": its call takes that long; "lateshrink RANK MILLIS": what it begins does.
 * "version CODE 0": the library says that it is of that version; "foreign RANK 0": that rank is
 * refused at init as one of another version is. "rubbish RANK 0": when that rank is aborted it lets those
 * that wait for it go on with what lies in the memory between them, as the real library may: their
 * operations end well, with rubbish.
 * Not kept: speed, topology, everything else. No figure may be taken from it. */
#define _GNU_SOURCE
#include "standin.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum { SUCCESS, CUDA_ERROR, SYSTEM_ERROR, INTERNAL_ERROR, INVALID_ARGUMENT, INVALID_USAGE, REMOTE_ERROR, IN_PROGRESS };
enum { U8 = 1, I32 = 2, I64 = 4, F16 = 6, F32 = 7, F64 = 8, BF16 = 9 };
enum { SUM = 0, MAX = 2, MIN = 3, AVG = 4 };
enum kind { ALL_REDUCE, REDUCE, BROADCAST, ALL_GATHER, REDUCE_SCATTER, SEND, RECEIVE };
enum { MAX_RANKS = 64, SLOT = 64 << 10, ID_BYTES = 128, MAX_GROUP = 4 * MAX_RANKS };

typedef struct { char bytes[ID_BYTES]; } unique_id;

struct config { /* the head of ncclConfig_t, which never changes */
  size_t size;
  unsigned magic, version;
  int blocking;
};

struct mailbox {
  uint32_t full;
  uint32_t bytes;
  char data[SLOT];
};

struct shared {
  uint32_t joined, arrived, generation, broken;
  int devices[MAX_RANKS];
  char data[]; /* a slot for each rank, then a mailbox for each ordered pair */
};

struct op {
  enum kind kind;
  const char *send;
  char *receive;
  size_t count;
  int dtype, reduction, peer;
  void *stream;
};

struct comm {
  struct comm *next;
  struct comm *parent; /* while it is made out of that one, and where that has failed */
  struct shared *shared;
  size_t shared_bytes;
  char name[64];
  int rank, ranks, device, nonblocking;
  int state, aborted, busy, lent; /* atomic; busy counts threads and tasks that still use it */
  int launches;
};

struct launch {
  struct comm *comm;
  int number, hangs, fails, leaves, count;
  struct op ops[];
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct comm *registry;
static pthread_mutex_t last_error_lock = PTHREAD_MUTEX_INITIALIZER;
static char last_error[256];
static __thread int depth, grouped;
static __thread struct op group[MAX_GROUP];
static __thread struct comm *group_comm;

static int load(int *at) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
static void store(int *at, int value) { __atomic_store_n(at, value, __ATOMIC_SEQ_CST); }
static void busy(struct comm *comm, int more) { __atomic_add_fetch(&comm->busy, more, __ATOMIC_SEQ_CST); }

static int fail(struct comm *comm, int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  pthread_mutex_lock(&last_error_lock);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  pthread_mutex_unlock(&last_error_lock);
  va_end(arguments);
  if (comm) store(&comm->state, code);
  return code;
}

static int lives(struct comm *comm) {
  pthread_mutex_lock(&registry_lock);
  struct comm *at = registry;
  while (at && at != comm) at = at->next;
  pthread_mutex_unlock(&registry_lock);
  return at != NULL;
}

static void must(int good, const char *what, const char *why) {
  if (good) return;
  fprintf(stderr, "STANDIN: %s of a communicator that is %s\n", what, why);
  abort();
}

static void must_live(struct comm *comm, const char *what) { must(lives(comm), what, "gone"); }

/* Spins, then yields, then naps. */
static void pause_at(int turn) {
  if (turn > 1000) usleep(100);
  else if (turn > 50) usleep(0);
}

enum { MAX_FAULTS = 32 };
struct fault {
  char word[16];
  int rank, number;
};

/* The lines of the file of faults. */
static int faults(struct fault *all) {
  const char *path = getenv("TRIREME_STANDIN_FAULTS");
#ifdef STANDIN_FAULTS
  if (!path) path = STANDIN_FAULTS;
#endif
  FILE *file = path ? fopen(path, "r") : NULL;
  int count = 0;
  while (file && count < MAX_FAULTS && fscanf(file, "%15s %d %d", all[count].word, &all[count].rank, &all[count].number) == 3) count++;
  if (file) fclose(file);
  return count;
}

/* Whether there is a line of this word for this rank and number; with a value, for any rank. */
static int ordered(int own, const char *word, int number, int *value) {
  struct fault all[MAX_FAULTS];
  int found = 0;
  for (int i = faults(all) - 1; i >= 0; i--)
    if (strcmp(all[i].word, word) == 0 && (value || all[i].rank == own) && (all[i].number == number || all[i].number == 0)) {
      found = 1;
      if (value) *value = all[i].rank;
    }
  return found;
}

/* How many milliseconds a line of this word says for this rank; 0 without one. */
static int millis(int own, const char *word) {
  struct fault all[MAX_FAULTS];
  for (int i = faults(all) - 1; i >= 0; i--)
    if (strcmp(all[i].word, word) == 0 && all[i].rank == own) return all[i].number;
  return 0;
}

/* ---- unique ids and init ---------------------------------------------------------------------- */

int ncclGetVersion(int *version) {
  *version = 22809;
  ordered(0, "version", 0, version);
  return SUCCESS;
}

int ncclGetUniqueId(unique_id *id) {
  const char *interface = getenv("NCCL_SOCKET_IFNAME");
  if (interface && strncmp(interface, "absent", 6) == 0)
    return fail(NULL, INVALID_USAGE, "Bootstrap : no socket interface found");
  unsigned char random[16];
  if (getrandom(random, sizeof random, 0) != sizeof random) return fail(NULL, SYSTEM_ERROR, "no random numbers");
  memset(id, 0, sizeof *id);
  for (int i = 0; i < 16; i++) sprintf(id->bytes + 2 * i, "%02x", random[i]);
  return SUCCESS;
}

static char *slot(struct comm *comm, int rank) { return comm->shared->data + (size_t)rank * SLOT; }

static struct mailbox *mailbox(struct comm *comm, int from, int to) {
  char *boxes = comm->shared->data + (size_t)comm->ranks * SLOT;
  return (struct mailbox *)(boxes + ((size_t)from * comm->ranks + to) * sizeof(struct mailbox));
}

static int join(struct comm *comm) {
  if (ordered(comm->rank, "foreign", 0, NULL))
    return fail(comm, INVALID_USAGE, "Bootstrap : mismatched NCCL version detected : other ranks have 2.29.3, this one 2.28.9");
  int file = shm_open(comm->name, O_CREAT | O_RDWR, 0600);
  if (file < 0 || ftruncate(file, comm->shared_bytes) != 0) return fail(comm, SYSTEM_ERROR, "no shared memory");
  void *memory = mmap(NULL, comm->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return fail(comm, SYSTEM_ERROR, "shared memory cannot be mapped");
  struct shared *shared = comm->shared = memory;
  shared->devices[comm->rank] = comm->device;
  __atomic_add_fetch(&shared->joined, 1, __ATOMIC_SEQ_CST);
  for (int turn = 0; __atomic_load_n(&shared->joined, __ATOMIC_SEQ_CST) < (uint32_t)comm->ranks; turn++) {
    if (load(&comm->aborted) || (comm->parent && load(&comm->parent->aborted))) return INTERNAL_ERROR;
    pause_at(turn);
  }
  shm_unlink(comm->name);
  for (int one = 0; one < comm->ranks; one++)
    for (int other = one + 1; other < comm->ranks; other++)
      if (shared->devices[one] == shared->devices[other]) {
        const char *enabled = getenv("NCCL_MULTI_RANK_GPU_ENABLE");
        int version;
        ncclGetVersion(&version);
        if (version >= 23000 && enabled && strcmp(enabled, "1") == 0) continue;
        if (version >= 23000 && version < 23007)
          return fail(comm, INVALID_USAGE, "Multiple ranks detected using the same GPU on this node. Set NCCL_MULTI_RANK_GPU_ENABLE=1 to enable this configuration.");
        if (version >= 23007)
          return fail(comm, INVALID_USAGE, "Multiple Ranks are using the same GPU/Partition. Set NCCL_MULTI_RANK_GPU_ENABLE=1 to enable this configuration.");
        return fail(comm, INVALID_USAGE, "Duplicate GPU detected : rank %d and rank %d both on CUDA device %x0", one, other,
                    shared->devices[one] + 6);
      }
  store(&comm->state, SUCCESS);
  return SUCCESS;
}

static void *join_thread(void *argument) {
  struct comm *comm = argument;
  usleep(1000);
  join(comm);
  busy(comm, -1);
  return NULL;
}

static void in_background(struct comm *comm, void *(*run)(void *), void *argument) {
  pthread_t thread;
  busy(comm, 1);
  pthread_create(&thread, NULL, run, argument);
  pthread_detach(thread);
}

static struct comm *fresh(int rank, int ranks, struct config *config, const char *name) {
  struct comm *comm = calloc(1, sizeof *comm);
  comm->rank = rank;
  comm->ranks = ranks;
  comm->device = standin_device();
  comm->nonblocking = config && config->blocking == 0;
  comm->shared_bytes = sizeof(struct shared) + (size_t)ranks * SLOT + (size_t)ranks * ranks * sizeof(struct mailbox);
  snprintf(comm->name, sizeof comm->name, "%s", name);
  comm->state = IN_PROGRESS;
  pthread_mutex_lock(&registry_lock);
  comm->next = registry;
  registry = comm;
  pthread_mutex_unlock(&registry_lock);
  return comm;
}

int ncclCommInitRankConfig(struct comm **made, int ranks, unique_id id, int rank, struct config *config) {
  if (ranks < 1 || ranks > MAX_RANKS || rank < 0 || rank >= ranks || !id.bytes[0])
    return fail(NULL, INVALID_ARGUMENT, "Invalid rank requested : %d/%d", rank, ranks);
  if (config && config->magic != 0xcafebeef) return fail(NULL, INVALID_ARGUMENT, "ncclConfig_t argument not initialized");
  char name[64];
  snprintf(name, sizeof name, "/trireme-standin-%.32s", id.bytes);
  struct comm *comm = fresh(rank, ranks, config, name);
  *made = comm;
  if (!comm->nonblocking) return join(comm);
  in_background(comm, join_thread, comm);
  return IN_PROGRESS;
}

int ncclCommInitRank(struct comm **made, int ranks, unique_id id, int rank) {
  return ncclCommInitRankConfig(made, ranks, id, rank, NULL);
}

int ncclCommGetAsyncError(struct comm *comm, int *state) {
  must_live(comm, "ncclCommGetAsyncError");
  *state = load(&comm->state);
  return SUCCESS;
}

const char *ncclGetLastError(struct comm *comm) {
  if (comm) must_live(comm, "ncclGetLastError");
  return last_error;
}

const char *ncclGetErrorString(int code) {
  static const char *texts[] = {"no error", "unhandled cuda error (run with NCCL_DEBUG=INFO for details)",
    "unhandled system error (run with NCCL_DEBUG=INFO for details)", "internal error - please report this issue to the NCCL developers",
    "invalid argument (run with NCCL_DEBUG=WARN for details)", "invalid usage (run with NCCL_DEBUG=WARN for details)",
    "remote process exited or there was a network error", "NCCL operation in progress"};
  return code >= 0 && code < 8 ? texts[code] : "unknown result code";
}

static void end(struct comm *comm) {
  for (int turn = 0; load(&comm->busy) > 0; turn++) pause_at(turn);
  pthread_mutex_lock(&registry_lock);
  struct comm **at = &registry;
  while (*at != comm) at = &(*at)->next;
  *at = comm->next;
  for (struct comm *other = registry; other; other = other->next)
    if (other->parent == comm) other->parent = NULL;
  pthread_mutex_unlock(&registry_lock);
  if (comm->shared) munmap(comm->shared, comm->shared_bytes);
  shm_unlink(comm->name);
  free(comm);
}

int ncclCommAbort(struct comm *comm) {
  must_live(comm, "ncclCommAbort");
  must(!load(&comm->lent), "ncclCommAbort", "inside ncclCommShrink");
  must(!comm->parent, "ncclCommAbort", "not made, ahead of its parent's");
  store(&comm->aborted, 1);
  if (comm->shared && ordered(comm->rank, "rubbish", 0, NULL)) __atomic_store_n(&comm->shared->broken, 1, __ATOMIC_SEQ_CST);
  end(comm);
  return SUCCESS;
}

int ncclCommFinalize(struct comm *comm) {
  must_live(comm, "ncclCommFinalize");
  return SUCCESS;
}

int ncclCommDestroy(struct comm *comm) {
  must_live(comm, "ncclCommDestroy");
  end(comm);
  return SUCCESS;
}

struct shrinking {
  struct comm *parent, *child, **made;
};

static int shrunk(struct shrinking *job) {
  struct comm *parent = job->parent, *child = job->child;
  int failed = ordered(parent->rank, "shrink", 0, NULL), late = millis(parent->rank, "lateshrink");
  for (int i = 0; i < late && !load(&parent->aborted); i++) usleep(1000);
  int result = failed ? SYSTEM_ERROR : join(child);
  if (result == SUCCESS) child->parent = NULL;
  else store(&child->state, result);
  __atomic_store_n(job->made, child, __ATOMIC_SEQ_CST);
  if (failed) fail(parent, SYSTEM_ERROR, "stand-in: a rank that is left cannot be reached");
  else store(&parent->state, result);
  return result;
}

static void *shrink_thread(void *argument) {
  struct shrinking *job = argument;
  usleep(1000);
  shrunk(job);
  busy(job->parent, -1);
  free(job);
  return NULL;
}

static int shrink(struct comm *comm, int *exclude, int count, struct comm **made, struct config *config, int flags) {
  if (!made || !exclude || count < 1 || count >= comm->ranks) return fail(NULL, INVALID_ARGUMENT, "ncclCommShrink: invalid ranks to exclude");
  if (config && config->magic != 0xcafebeef) return fail(NULL, INVALID_ARGUMENT, "ncclConfig_t argument not initialized");
  if (flags & 1) store(&comm->aborted, 1);
  for (int turn = 0; load(&comm->busy) > 0; turn++) pause_at(turn);
  for (int i = millis(comm->rank, "slowshrink"); i > 0; i--) usleep(1000);
  store(&comm->aborted, 0);
  int state = load(&comm->state);
  if (state != SUCCESS) return state == IN_PROGRESS ? fail(NULL, INVALID_ARGUMENT, "Attempt to use communicator before the previous operation returned ncclSuccess") : state;
  int rank = comm->rank;
  uint64_t hash = 1469598103934665603u;
  for (const char *at = comm->name; *at; at++) hash = (hash ^ (uint64_t)*at) * 1099511628211u;
  for (int i = 0; i < count; i++) {
    if (exclude[i] == comm->rank) return fail(NULL, INVALID_ARGUMENT, "ncclCommShrink: called by a rank that is excluded");
    rank -= exclude[i] < comm->rank;
    hash = (hash ^ (uint64_t)(exclude[i] + 1)) * 1099511628211u;
  }
  char name[64];
  snprintf(name, sizeof name, "/trireme-standin-shrunk-%016llx", (unsigned long long)hash);
  *made = NULL;
  struct shrinking *job = malloc(sizeof *job);
  *job = (struct shrinking){comm, fresh(rank, comm->ranks - count, config, name), made};
  job->child->parent = comm;
  job->child->device = comm->device;
  if (job->child->nonblocking) {
    store(&comm->state, IN_PROGRESS);
    in_background(comm, shrink_thread, job);
    return IN_PROGRESS;
  }
  int result = shrunk(job);
  free(job);
  return result;
}

int ncclCommShrink(struct comm *comm, int *exclude, int count, struct comm **made, struct config *config, int flags) {
  must_live(comm, "ncclCommShrink");
  store(&comm->lent, 1);
  int result = shrink(comm, exclude, count, made, config, flags);
  store(&comm->lent, 0);
  return result;
}

int ncclCommCount(struct comm *comm, int *count) {
  must_live(comm, "ncclCommCount");
  *count = comm->ranks;
  return SUCCESS;
}

int ncclCommUserRank(struct comm *comm, int *rank) {
  must_live(comm, "ncclCommUserRank");
  *rank = comm->rank;
  return SUCCESS;
}

/* ---- arithmetic ------------------------------------------------------------------------------- */

static size_t width(int dtype) {
  switch (dtype) {
    case U8: return 1;
    case F16: case BF16: return 2;
    case I32: case F32: return 4;
    default: return 8;
  }
}

static float of_bf16(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

static uint16_t to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static double get_real(const char *at, int dtype, size_t i) {
  if (dtype == F32) return ((const float *)at)[i];
  if (dtype == F64) return ((const double *)at)[i];
  if (dtype == F16) return (double)(float)((const _Float16 *)at)[i];
  return of_bf16(((const uint16_t *)at)[i]);
}

static void put_real(char *at, int dtype, size_t i, double value) {
  if (dtype == F32) ((float *)at)[i] = (float)value;
  else if (dtype == F64) ((double *)at)[i] = value;
  else if (dtype == F16) ((_Float16 *)at)[i] = (_Float16)(float)value;
  else ((uint16_t *)at)[i] = to_bf16((float)value);
}

static int64_t get_whole(const char *at, int dtype, size_t i) {
  return dtype == U8 ? ((const uint8_t *)at)[i] : dtype == I32 ? ((const int32_t *)at)[i] : ((const int64_t *)at)[i];
}

static void put_whole(char *at, int dtype, size_t i, int64_t value) {
  if (dtype == U8) ((uint8_t *)at)[i] = (uint8_t)value;
  else if (dtype == I32) ((int32_t *)at)[i] = (int32_t)value;
  else ((int64_t *)at)[i] = value;
}

#define PICK(op, sum, next) ((op) == MAX ? ((next) > (sum) ? (next) : (sum)) : (op) == MIN ? ((next) < (sum) ? (next) : (sum)) : (sum) + (next))

/* What a rank adds to a sum, or the 1/n-th of it to a mean, rounded to its type. */
static double part(struct comm *comm, const struct op *op, int rank, size_t i) {
  double value = get_real(slot(comm, rank), op->dtype, i);
  if (op->reduction != AVG) return value;
  char rounded[8];
  put_real(rounded, op->dtype, 0, 1.0 / comm->ranks);
  put_real(rounded, op->dtype, 0, value * get_real(rounded, op->dtype, 0));
  return get_real(rounded, op->dtype, 0);
}

/* Rank by rank, so that all ranks end with the same bits. */
static void reduce(struct comm *comm, const struct op *op, char *to, size_t count) {
  int real = op->dtype >= F16;
  for (size_t i = 0; i < count; i++) {
    double sum = real ? part(comm, op, 0, i) : 0;
    int64_t whole = real ? 0 : get_whole(slot(comm, 0), op->dtype, i);
    for (int rank = 1; rank < comm->ranks; rank++) {
      if (real) {
        double next = part(comm, op, rank, i);
        sum = PICK(op->reduction, sum, next);
        if (op->dtype != F64) sum = (float)sum;
      } else {
        int64_t next = get_whole(slot(comm, rank), op->dtype, i);
        whole = PICK(op->reduction, whole, next);
      }
    }
    if (real) {
      put_real(to, op->dtype, i, sum);
    } else {
      if (op->dtype == U8) whole &= 0xff;
      put_whole(to, op->dtype, i, op->reduction == AVG ? whole / comm->ranks : whole);
    }
  }
}

/* ---- operations ------------------------------------------------------------------------------- */

static int meet(struct comm *comm) {
  struct shared *shared = comm->shared;
  if (__atomic_load_n(&shared->broken, __ATOMIC_SEQ_CST)) return !load(&comm->aborted);
  uint32_t generation = __atomic_load_n(&shared->generation, __ATOMIC_SEQ_CST);
  if (__atomic_add_fetch(&shared->arrived, 1, __ATOMIC_SEQ_CST) == (uint32_t)comm->ranks) {
    __atomic_store_n(&shared->arrived, 0, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&shared->generation, 1, __ATOMIC_SEQ_CST);
    return 1;
  }
  for (int turn = 0; __atomic_load_n(&shared->generation, __ATOMIC_SEQ_CST) == generation; turn++) {
    if (load(&comm->aborted)) return 0;
    if (__atomic_load_n(&shared->broken, __ATOMIC_SEQ_CST)) return 1;
    pause_at(turn);
  }
  return 1;
}

/* A piece of a collective: what this rank shows to all, and what it makes of what they show. */
static int piece(struct comm *comm, const struct op *op, size_t from, size_t count, int part) {
  size_t bytes = width(op->dtype), stride = op->count * bytes, at = from * bytes;
  int rank = comm->rank;
  if (op->kind != BROADCAST || rank == op->peer)
    memcpy(slot(comm, rank), op->send + part * stride + at, count * bytes);
  if (!meet(comm)) return 0;
  switch (op->kind) {
    case ALL_REDUCE: reduce(comm, op, op->receive + at, count); break;
    case REDUCE: if (rank == op->peer) reduce(comm, op, op->receive + at, count); break;
    case BROADCAST: memcpy(op->receive + at, slot(comm, op->peer), count * bytes); break;
    case ALL_GATHER:
      for (int other = 0; other < comm->ranks; other++)
        memcpy(op->receive + other * stride + at, slot(comm, other), count * bytes);
      break;
    case REDUCE_SCATTER: if (rank == part) reduce(comm, op, op->receive + at, count); break;
    default: break;
  }
  return meet(comm);
}

static int collective(struct comm *comm, const struct op *op, int leaves) {
  size_t most = SLOT / width(op->dtype);
  int parts = op->kind == REDUCE_SCATTER ? comm->ranks : 1;
  for (int part = 0; part < parts; part++)
    for (size_t from = 0; from < op->count; from += most) {
      size_t count = op->count - from < most ? op->count - from : most;
      if (!piece(comm, op, from, count, part)) return 0;
      for (int turn = 0; leaves; turn++) {
        if (load(&comm->aborted)) return 0;
        pause_at(turn);
      }
    }
  return 1;
}

/* Moves one message on by at most one piece; gives the bytes moved. */
static size_t step(struct comm *comm, const struct op *op, size_t done) {
  size_t rest = op->count * width(op->dtype) - done;
  struct mailbox *box = op->kind == SEND ? mailbox(comm, comm->rank, op->peer) : mailbox(comm, op->peer, comm->rank);
  uint32_t full = __atomic_load_n(&box->full, __ATOMIC_SEQ_CST);
  if (full != (op->kind == RECEIVE)) return 0;
  size_t bytes;
  if (op->kind == SEND) {
    bytes = box->bytes = rest < SLOT ? rest : SLOT;
    memcpy(box->data, op->send + done, bytes);
  } else {
    bytes = box->bytes < rest ? box->bytes : rest;
    memcpy(op->receive + done, box->data, bytes);
  }
  __atomic_store_n(&box->full, !full, __ATOMIC_SEQ_CST);
  return bytes;
}

static int messages(struct launch *launch) {
  size_t done[MAX_GROUP] = {0};
  for (int turn = 0, left = 1; left; turn++) {
    left = 0;
    for (int i = 0; i < launch->count; i++) {
      struct op *op = &launch->ops[i];
      if (op->kind < SEND || done[i] == op->count * width(op->dtype)) continue;
      left = 1;
      int first = 1; /* messages of one pair and direction go in order */
      for (int j = 0; j < i; j++)
        if (launch->ops[j].kind == op->kind && launch->ops[j].peer == op->peer && done[j] < launch->ops[j].count * width(launch->ops[j].dtype))
          first = 0;
      size_t moved = first ? step(launch->comm, op, done[i]) : 0;
      done[i] += moved;
      if (moved) turn = 0;
    }
    if (load(&launch->comm->aborted)) return 0;
    pause_at(turn);
  }
  return 1;
}

static void run(void *argument) {
  struct launch *launch = argument;
  struct comm *comm = launch->comm;
  int good = 1;
  if (launch->fails) fail(comm, REMOTE_ERROR, "stand-in: socket closed by remote peer");
  for (int turn = 0; (launch->hangs || launch->fails) && !load(&comm->aborted); turn++) pause_at(turn);
  if (!load(&comm->aborted)) {
    for (int i = 0; i < launch->count && good; i++)
      if (launch->ops[i].kind < SEND) good = collective(comm, &launch->ops[i], launch->leaves);
    if (good) messages(launch);
  }
  free(launch);
  busy(comm, -1);
}

static void *start_late(void *argument) {
  struct launch *launch = argument;
  struct comm *comm = launch->comm;
  usleep(500);
  standin_enqueue(launch->ops[0].stream, run, launch);
  int expected = IN_PROGRESS;
  __atomic_compare_exchange_n(&comm->state, &expected, SUCCESS, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  busy(comm, -1);
  return NULL;
}

static int start(struct comm *comm, const struct op *ops, int count) {
  must_live(comm, "an operation");
  if (load(&comm->state) != SUCCESS)
    return fail(NULL, INVALID_USAGE, "an operation on a communicator whose state is %d", comm->state);
  struct launch *launch = malloc(sizeof *launch + count * sizeof *ops);
  launch->comm = comm;
  launch->number = ++comm->launches;
  launch->hangs = ordered(comm->rank, "hang", launch->number, NULL);
  launch->fails = ordered(comm->rank, "error", launch->number, NULL);
  launch->leaves = ordered(comm->rank, "part", launch->number, NULL);
  launch->count = count;
  memcpy(launch->ops, ops, count * sizeof *ops);
  busy(comm, 1);
  if (comm->nonblocking && launch->number % 4 == 0) {
    store(&comm->state, IN_PROGRESS);
    in_background(comm, start_late, launch);
    return IN_PROGRESS;
  }
  standin_enqueue(launch->ops[0].stream, run, launch);
  return SUCCESS;
}

static int add(struct comm *comm, struct op op) {
  if (op.peer < 0 || op.peer >= comm->ranks) return fail(NULL, INVALID_ARGUMENT, "invalid root or peer %d", op.peer);
  if (depth == 0) return start(comm, &op, 1);
  if (grouped == MAX_GROUP || (group_comm && group_comm != comm)) return fail(NULL, INVALID_USAGE, "group too large for the stand-in");
  group_comm = comm;
  group[grouped++] = op;
  return SUCCESS;
}

int ncclGroupStart(void) {
  depth++;
  return SUCCESS;
}

int ncclGroupEnd(void) {
  if (depth == 0) return fail(NULL, INVALID_USAGE, "ncclGroupEnd: not in a group call.");
  if (--depth > 0 || grouped == 0) return SUCCESS;
  int result = start(group_comm, group, grouped);
  grouped = 0;
  group_comm = NULL;
  return result;
}

int ncclAllReduce(const void *send, void *receive, size_t count, int dtype, int op, struct comm *comm, void *stream) {
  return add(comm, (struct op){ALL_REDUCE, send, receive, count, dtype, op, 0, stream});
}

int ncclReduce(const void *send, void *receive, size_t count, int dtype, int op, int root, struct comm *comm, void *stream) {
  return add(comm, (struct op){REDUCE, send, receive, count, dtype, op, root, stream});
}

int ncclBroadcast(const void *send, void *receive, size_t count, int dtype, int root, struct comm *comm, void *stream) {
  return add(comm, (struct op){BROADCAST, send, receive, count, dtype, 0, root, stream});
}

int ncclAllGather(const void *send, void *receive, size_t count, int dtype, struct comm *comm, void *stream) {
  return add(comm, (struct op){ALL_GATHER, send, receive, count, dtype, 0, 0, stream});
}

int ncclReduceScatter(const void *send, void *receive, size_t count, int dtype, int op, struct comm *comm, void *stream) {
  return add(comm, (struct op){REDUCE_SCATTER, send, receive, count, dtype, op, 0, stream});
}

int ncclSend(const void *send, size_t count, int dtype, int peer, struct comm *comm, void *stream) {
  return add(comm, (struct op){SEND, send, NULL, count, dtype, 0, peer, stream});
}

int ncclRecv(void *receive, size_t count, int dtype, int peer, struct comm *comm, void *stream) {
  return add(comm, (struct op){RECEIVE, NULL, receive, count, dtype, 0, peer, stream});
}
