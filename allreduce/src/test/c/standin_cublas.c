/* Stand-in for libcublas.so.13 in tests without a GPU.
 *
 * Promises of the real library that it keeps: cublasAxpyEx_64 with alpha 1 adds x to y element by
 * element in the precision asked for and rounds once, behind what was put on the stream before, and
 * returns at once. A type, a stride or a handle that it does not know is status 7 or 1. Nothing else. */
#include "standin.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7 };
enum { R_32F = 0, R_64F = 1, R_16F = 2, R_16BF = 14 };

struct handle { int alive; };
struct sum {
  const void *x;
  void *y;
  int64_t count;
  int type;
};

int cublasCreate_v2(struct handle **made) {
  *made = malloc(sizeof **made);
  (*made)->alive = 1;
  return SUCCESS;
}

int cublasDestroy_v2(struct handle *handle) {
  if (!handle || !handle->alive) return NOT_INITIALIZED;
  handle->alive = 0;
  free(handle);
  return SUCCESS;
}

const char *cublasGetStatusString(int status) { return status == SUCCESS ? "success" : "a parameter has an unsupported value"; }

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

static void add(void *argument) {
  struct sum *sum = argument;
  for (int64_t i = 0; i < sum->count; i++) switch (sum->type) {
    case R_32F: ((float *)sum->y)[i] += ((const float *)sum->x)[i]; break;
    case R_64F: ((double *)sum->y)[i] += ((const double *)sum->x)[i]; break;
    case R_16F: ((_Float16 *)sum->y)[i] = (_Float16)((float)((_Float16 *)sum->y)[i] + (float)((const _Float16 *)sum->x)[i]); break;
    default: ((uint16_t *)sum->y)[i] = to_bf16(of_bf16(((uint16_t *)sum->y)[i]) + of_bf16(((const uint16_t *)sum->x)[i]));
  }
  free(sum);
}

int cublasAxpyEx_64(struct handle *handle, int64_t count, const void *alpha, int alpha_type, const void *x, int x_type,
                    int64_t x_step, void *y, int y_type, int64_t y_step, int execution) {
  if (!handle || !handle->alive) return NOT_INITIALIZED;
  double factor = alpha_type == R_64F ? *(const double *)alpha : *(const float *)alpha;
  int known = x_type == R_32F || x_type == R_64F || x_type == R_16F || x_type == R_16BF;
  int precise = x_type == R_64F ? R_64F : R_32F;
  if (!known || x_type != y_type || alpha_type != precise || execution != precise || factor != 1 || x_step != 1 || y_step != 1)
    return INVALID_VALUE;
  struct sum *sum = malloc(sizeof *sum);
  *sum = (struct sum){x, y, count, x_type};
  standin_enqueue(NULL, add, sum);
  return SUCCESS;
}
