package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.CudaStream;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;
import java.util.Locale;

/**
 * What one operation asks of NCCL: pure data and a way to issue it.
 *
 * @param what in words, as {@code all-reduce (sum) of 12 FLOAT32}
 * @param input what this rank brings; empty where it brings nothing
 * @param output where its result goes, the same buffer as the input where the two are one; empty
 *     where it gets nothing
 * @param body issues it, for addresses on the device
 */
record NcclCall(String what, TensorBuffer input, TensorBuffer output, Body body) {
  /** The calls of NCCL for one operation. */
  @FunctionalInterface
  interface Body {
    /**
     * @param in the device's address of the input
     * @param out that of the output, the same where the two are one
     */
    void issue(NcclCommunicator comm, long in, long out, CudaStream stream);
  }

  static final TensorBuffer NOTHING = TensorBuffer.cpu(0, DType.UINT8, 0);

  boolean inPlace() {
    return input.equals(output);
  }

  /** For people: the bytes of the larger of its two ends. */
  long bytes() {
    return Math.max(input.byteCount(), output.byteCount());
  }

  static NcclCall allReduce(TensorBuffer buffer, ReduceOp op) {
    return new NcclCall(
        "all-reduce (" + lower(op) + ")" + of(buffer.count(), buffer.dtype()),
        buffer,
        buffer,
        (comm, in, out, stream) ->
            comm.allReduce(in, out, buffer.count(), buffer.dtype(), op, stream));
  }

  /**
   * @param buffers on the device, at least one
   */
  static NcclCall allReduceTogether(List<TensorBuffer> buffers, ReduceOp op) {
    TensorBuffer first = buffers.get(0);
    return new NcclCall(
        "all-reduce (" + lower(op) + ") of " + buffers.size() + " buffers",
        first,
        first,
        (comm, in, out, stream) ->
            comm.grouped(
                () ->
                    buffers.forEach(
                        each ->
                            comm.allReduce(
                                each.address(),
                                each.address(),
                                each.count(),
                                each.dtype(),
                                op,
                                stream))));
  }

  static NcclCall reduce(TensorBuffer buffer, ReduceOp op, int root, boolean isRoot) {
    return new NcclCall(
        "reduce (" + lower(op) + ") to rank " + root + of(buffer.count(), buffer.dtype()),
        buffer,
        isRoot ? buffer : NOTHING,
        (comm, in, out, stream) ->
            comm.reduce(in, isRoot ? out : in, buffer.count(), buffer.dtype(), op, root, stream));
  }

  static NcclCall broadcast(TensorBuffer buffer, int root, boolean isRoot) {
    return new NcclCall(
        "broadcast from rank " + root + of(buffer.count(), buffer.dtype()),
        isRoot ? buffer : NOTHING,
        isRoot ? NOTHING : buffer,
        (comm, in, out, stream) -> {
          long at = isRoot ? in : out;
          comm.broadcast(at, at, buffer.count(), buffer.dtype(), root, stream);
        });
  }

  static NcclCall allGather(TensorBuffer input, TensorBuffer output) {
    return new NcclCall(
        "all-gather" + of(input.count(), input.dtype()),
        input,
        output,
        (comm, in, out, stream) -> comm.allGather(in, out, input.count(), input.dtype(), stream));
  }

  static NcclCall reduceScatter(TensorBuffer input, TensorBuffer output, ReduceOp op) {
    return new NcclCall(
        "reduce-scatter (" + lower(op) + ")" + of(output.count(), output.dtype()),
        input,
        output,
        (comm, in, out, stream) ->
            comm.reduceScatter(in, out, output.count(), output.dtype(), op, stream));
  }

  static NcclCall gather(
      TensorBuffer input, TensorBuffer output, int root, boolean isRoot, int worldSize) {
    long n = input.count();
    return new NcclCall(
        "gather to rank " + root + of(n, input.dtype()),
        input,
        isRoot ? output : NOTHING,
        (comm, in, out, stream) ->
            comm.grouped(
                () -> {
                  comm.send(in, n, input.dtype(), root, stream);
                  for (int rank = 0; isRoot && rank < worldSize; rank++) {
                    comm.receive(out + rank * input.byteCount(), n, input.dtype(), rank, stream);
                  }
                }));
  }

  static NcclCall scatter(
      TensorBuffer input, TensorBuffer output, int root, boolean isRoot, int worldSize) {
    long n = output.count();
    return new NcclCall(
        "scatter from rank " + root + of(n, output.dtype()),
        isRoot ? input : NOTHING,
        output,
        (comm, in, out, stream) ->
            comm.grouped(
                () -> {
                  comm.receive(out, n, output.dtype(), root, stream);
                  for (int rank = 0; isRoot && rank < worldSize; rank++) {
                    comm.send(in + rank * output.byteCount(), n, output.dtype(), rank, stream);
                  }
                }));
  }

  static NcclCall allToAll(TensorBuffer input, TensorBuffer output, int worldSize) {
    long n = input.count() / worldSize;
    long bytes = n * input.dtype().bytes();
    return new NcclCall(
        "all-to-all" + of(input.count(), input.dtype()),
        input,
        output,
        (comm, in, out, stream) ->
            comm.grouped(
                () -> {
                  for (int rank = 0; rank < worldSize; rank++) {
                    comm.send(in + rank * bytes, n, input.dtype(), rank, stream);
                    comm.receive(out + rank * bytes, n, input.dtype(), rank, stream);
                  }
                }));
  }

  /**
   * @param token on the device, of the group's own
   */
  static NcclCall barrier(TensorBuffer token) {
    return new NcclCall(
        "barrier",
        token,
        token,
        (comm, in, out, stream) ->
            comm.allReduce(in, out, token.count(), token.dtype(), ReduceOp.MAX, stream));
  }

  private static String of(long count, DType dtype) {
    return " of " + count + " " + dtype;
  }

  private static String lower(ReduceOp op) {
    return op.name().toLowerCase(Locale.ROOT);
  }
}
