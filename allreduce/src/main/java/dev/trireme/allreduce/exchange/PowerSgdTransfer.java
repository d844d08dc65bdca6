package dev.trireme.allreduce.exchange;

import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_saxpy;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sgemm;

import dev.trireme.allreduce.kernel.FloatAt;
import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.WireBytes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.agrona.UnsafeApi;

/**
 * Each gradient that is a matrix M of n x m travels as two factors of r columns. Per step, with the
 * factor Q (m x r) of the step before (warm start) and the sum over the ranks written S:
 *
 * <ol>
 *   <li>each rank adds its residual to its gradient, giving M, and computes P = M Q (n x r);
 *   <li>P is summed over the ranks, and its columns are made orthonormal, on each rank alike;
 *   <li>each rank computes Q = M^T P, which is summed over the ranks;
 *   <li>the sum of gradients is taken to be P Q^T, and the rank's residual is M - P Q^T / W.
 * </ol>
 *
 * So the residuals of all ranks add up to exactly what the sum has lost, but for rounding. That is
 * one power iteration a step towards the r largest singular vectors of S. A column of P that
 * vanishes (zero gradients) is replaced by one drawn from a fixed seed, so that Q comes back.
 *
 * <p>A tensor of more than two dimensions is a matrix of its first by all others. Tensors with
 * fewer dimensions, and those whose factors would be no smaller, travel whole beside P. Cost a
 * matrix: 4 r (n + m) bytes reduced in place of 4 n m, three products of n m r multiplications, in
 * two collectives that follow each other. The products are OpenBLAS's: ranks whose processors
 * differ in kind may round the last one differently.
 *
 * <p>Source: Vogels, Karimireddy, Jaggi, "PowerSGD: practical low-rank gradient compression for
 * distributed optimization", NeurIPS 2019, algorithms 1 and 2.
 */
final class PowerSgdTransfer implements BucketTransfer {
  /** A part of the bucket: a matrix of rows x columns, or with no columns a stretch sent whole. */
  private record Part(long from, int rows, int columns, long first, long second) {
    boolean isMatrix() {
      return columns > 0;
    }
  }

  private final ProcessGroup group;
  private final Reduction adder = new Reductions().of(DType.FLOAT32, ReduceOp.SUM);
  private final int rank;
  private final long startStep;
  private final List<Part> parts;
  private final TensorBuffer gradients;
  private final NativeMemory.Block residuals;
  private final TensorBuffer first;
  private final TensorBuffer second;
  private final FloatAt a = new FloatAt();
  private final FloatAt b = new FloatAt();
  private final FloatAt c = new FloatAt();
  private boolean compresses;

  /**
   * @param pieces of the bucket, by place
   */
  PowerSgdTransfer(
      ProcessGroup group,
      BucketLayout.Bucket bucket,
      List<Piece> pieces,
      int rank,
      long startStep) {
    this.group = group;
    this.rank = rank;
    this.startStep = startStep;
    List<Part> laidOut = new ArrayList<>();
    long firstCount = 0;
    long secondCount = 0;
    for (Piece piece : pieces) {
      long columns = piece.rows() == 0 ? 0 : piece.count() / piece.rows();
      boolean worth =
          columns > 1 && (piece.rows() + columns) * rank < piece.count() && rank <= piece.rows();
      int rows = Math.toIntExact(worth ? piece.rows() : piece.count());
      laidOut.add(new Part(piece.from(), rows, worth ? (int) columns : 0, firstCount, secondCount));
      firstCount += worth ? (long) rows * rank : rows;
      secondCount += worth ? columns * rank : 0;
    }
    this.parts = List.copyOf(laidOut);
    this.gradients = group.allocate(DType.FLOAT32, bucket.count());
    this.first = group.allocate(DType.FLOAT32, firstCount);
    this.second = group.allocate(DType.FLOAT32, secondCount);
    this.residuals = NativeMemory.allocate(bucket.count() * Float.BYTES, 64);
    draw(second.address(), second.count(), 1);
  }

  /**
   * A parameter in the bucket.
   *
   * @param rows its first dimension; 0 where it has fewer than two
   */
  record Piece(long from, long count, long rows) {}

  @Override
  public TensorBuffer reduced() {
    return gradients;
  }

  @Override
  public void take(long from, TensorBuffer gradient) {
    long to = gradients.address() + 4 * from;
    NativeMemory.copy(gradient.address(), to, gradient.byteCount());
    adder.combine(to, residuals.address() + 4 * from, gradient.count());
  }

  @Override
  public Work start(long step) {
    compresses = step >= startStep;
    if (!compresses) {
      return group.allReduce(gradients, ReduceOp.SUM);
    }
    for (Part part : parts) {
      a.move(gradients.address() + 4 * part.from());
      c.move(first.address() + 4 * part.first());
      if (part.isMatrix()) {
        b.move(second.address() + 4 * part.second());
        cblas_sgemm(
            CblasRowMajor,
            CblasNoTrans,
            CblasNoTrans,
            part.rows(),
            rank,
            part.columns(),
            1,
            a,
            part.columns(),
            b,
            rank,
            0,
            c,
            rank);
      } else {
        NativeMemory.copy(a.address(), c.address(), 4L * part.rows());
      }
    }
    return group.allReduce(first, ReduceOp.SUM);
  }

  @Override
  public Optional<Work> proceed() {
    if (!compresses || second.count() == 0) {
      return Optional.empty();
    }
    for (Part part : parts) {
      if (part.isMatrix()) {
        a.move(gradients.address() + 4 * part.from());
        b.move(first.address() + 4 * part.first());
        c.move(second.address() + 4 * part.second());
        orthonormalize(b.address(), part.rows());
        cblas_sgemm(
            CblasRowMajor,
            CblasTrans,
            CblasNoTrans,
            part.columns(),
            rank,
            part.rows(),
            1,
            a,
            part.columns(),
            b,
            rank,
            0,
            c,
            rank);
      }
    }
    return Optional.of(group.allReduce(second, ReduceOp.SUM));
  }

  @Override
  public void finish() {
    if (!compresses) {
      return;
    }
    for (Part part : parts) {
      c.move(gradients.address() + 4 * part.from());
      a.move(first.address() + 4 * part.first());
      if (!part.isMatrix()) {
        NativeMemory.copy(a.address(), c.address(), 4L * part.rows());
        continue;
      }
      b.move(second.address() + 4 * part.second());
      int count = part.rows() * part.columns();
      long residual = residuals.address() + 4 * part.from();
      NativeMemory.copy(c.address(), residual, 4L * count);
      cblas_sgemm(
          CblasRowMajor,
          CblasNoTrans,
          CblasTrans,
          part.rows(),
          part.columns(),
          rank,
          1,
          a,
          rank,
          b,
          rank,
          0,
          c,
          part.columns());
      b.move(residual);
      cblas_saxpy(count, -1f / group.worldSize(), c, 1, b, 1);
    }
  }

  @Override
  public long sentBytes() {
    long bytes = compresses ? first.byteCount() + second.byteCount() : gradients.byteCount();
    return WireBytes.ofAllReduce(bytes, group.worldSize());
  }

  @Override
  public void close() {
    residuals.close();
  }

  /** Modified Gram-Schmidt on the columns of a matrix of rows x r, in float64. */
  private void orthonormalize(long matrix, int rows) {
    int stride = 4 * rank;
    for (int column = 0; column < rank; column++) {
      long at = matrix + 4L * column;
      double before = dot(at, at, rows, stride);
      if (!makeOrthogonal(matrix, column, rows, before)) {
        for (int row = 0; row < rows; row++) {
          draw(at + (long) row * stride, 1, 31L * row + column);
        }
        makeOrthogonal(matrix, column, rows, dot(at, at, rows, stride));
      }
    }
  }

  /** Says whether enough of the column is left, and if so gives it length 1. */
  private boolean makeOrthogonal(long matrix, int column, int rows, double before) {
    int stride = 4 * rank;
    long at = matrix + 4L * column;
    for (int other = 0; other < column; other++) {
      double along = dot(matrix + 4L * other, at, rows, stride);
      for (long shift = 0; shift < (long) rows * stride; shift += stride) {
        double rest =
            UnsafeApi.getFloat(at + shift)
                - along * UnsafeApi.getFloat(matrix + 4L * other + shift);
        UnsafeApi.putFloat(at + shift, (float) rest);
      }
    }
    double after = dot(at, at, rows, stride);
    // Below a millionth of its length a column is what rounding has left.
    if (!(after > 0) || after < 1e-12 * before) {
      return Double.isNaN(after);
    }
    double length = Math.sqrt(after);
    for (long shift = 0; shift < (long) rows * stride; shift += stride) {
      UnsafeApi.putFloat(at + shift, (float) (UnsafeApi.getFloat(at + shift) / length));
    }
    return true;
  }

  private static double dot(long a, long b, int rows, int stride) {
    double sum = 0;
    for (long shift = 0; shift < (long) rows * stride; shift += stride) {
      sum += (double) UnsafeApi.getFloat(a + shift) * UnsafeApi.getFloat(b + shift);
    }
    return sum;
  }

  /** Numbers between -1 and 1 that are the same on every rank. */
  private static void draw(long to, long count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < count; i++) {
      UnsafeApi.putFloat(to + 4 * i, (float) (2 * random.nextDouble() - 1));
    }
  }
}
