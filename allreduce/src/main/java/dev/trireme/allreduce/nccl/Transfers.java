package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.CudaStream;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;

/**
 * Gets one operation's buffers to the device and back. Buffers on the device are used where they
 * are. Those of the host go through page-locked memory, input first and output behind it, since
 * copies from and to other memory would hold up whoever asks for them.
 *
 * <p>Threading: the runner.
 */
final class Transfers {
  /** Copied without looking whether the operation has been aborted meanwhile: some milliseconds. */
  private static final long PIECE_BYTES = 16 << 20;

  private static final long ALIGNMENT = 256;

  private Transfers() {}

  /** Bytes of staging that it needs; 0 where all is on the device. */
  static long needed(NcclCall call) {
    long input = onHost(call.input()) ? aligned(call.input().byteCount()) : 0;
    long output = onHost(call.output()) && !call.inPlace() ? aligned(call.output().byteCount()) : 0;
    return input + output;
  }

  private static boolean onHost(TensorBuffer buffer) {
    return buffer.device().equals(Device.CPU);
  }

  /** Whether the two have bytes of the host's memory in common. */
  static boolean meetOnHost(TensorBuffer one, TensorBuffer other) {
    return onHost(one)
        && onHost(other)
        && one.address() < other.address() + other.byteCount()
        && other.address() < one.address() + one.byteCount();
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** The input's address on the device; a copy to there comes first where it is on the host. */
  static long input(NcclOperation operation, Staging staging, CudaStream stream) {
    TensorBuffer input = operation.call().input();
    if (!onHost(input) || input.byteCount() == 0) {
      return input.address();
    }
    copy(operation, input.address(), staging.pinnedAddress(), input.byteCount());
    stream.copy(staging.pinnedAddress(), staging.deviceAddress(), input.byteCount());
    return staging.deviceAddress();
  }

  /** The output's address on the device. */
  static long output(NcclOperation operation, Staging staging) {
    TensorBuffer output = operation.call().output();
    return onHost(output) && output.byteCount() > 0
        ? staging.deviceAddress() + outputOffset(operation.call())
        : output.address();
  }

  private static long outputOffset(NcclCall call) {
    return call.inPlace() || !onHost(call.input()) ? 0 : aligned(call.input().byteCount());
  }

  /** Puts the copy of the result from the device behind the operation. */
  static void enqueueOutput(NcclOperation operation, Staging staging, CudaStream stream) {
    TensorBuffer output = operation.call().output();
    if (onHost(output) && output.byteCount() > 0) {
      long offset = outputOffset(operation.call());
      stream.copy(
          staging.deviceAddress() + offset, staging.pinnedAddress() + offset, output.byteCount());
    }
  }

  /** Writes the result, which has come back, to where it belongs. */
  static void finish(NcclOperation operation, Staging staging) {
    TensorBuffer output = operation.call().output();
    if (onHost(output) && output.byteCount() > 0) {
      copy(
          operation,
          staging.pinnedAddress() + outputOffset(operation.call()),
          output.address(),
          output.byteCount());
    }
  }

  private static void copy(NcclOperation operation, long from, long to, long bytes) {
    for (long at = 0; at < bytes; at += PIECE_BYTES) {
      long offset = at;
      long length = Math.min(PIECE_BYTES, bytes - at);
      if (!operation.whileItsBuffersLast(
          () -> NativeMemory.copy(from + offset, to + offset, length))) {
        return;
      }
    }
  }
}
