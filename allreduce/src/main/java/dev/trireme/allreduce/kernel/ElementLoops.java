package dev.trireme.allreduce.kernel;

import dev.trireme.api.collective.ReduceOp;
import org.agrona.UnsafeApi;

/**
 * Reductions that run element by element in Java. Sums of integers wrap around; a mean of integers
 * is cut towards zero. Minimum and maximum of floating-point elements follow {@link Math#min} and
 * {@link Math#max}: a NaN wins, and -0.0 is below 0.0.
 */
final class ElementLoops {
  private ElementLoops() {}

  static final class Float32 implements Reduction {
    private final boolean min;

    Float32(ReduceOp op) {
      this.min = op == ReduceOp.MIN;
    }

    @Override
    public void combine(long destination, long source, long count) {
      for (long at = 0; at < count * Float.BYTES; at += Float.BYTES) {
        float a = UnsafeApi.getFloat(destination + at);
        float b = UnsafeApi.getFloat(source + at);
        UnsafeApi.putFloat(destination + at, min ? Math.min(a, b) : Math.max(a, b));
      }
    }

    @Override
    public void finish(long destination, long count, int worldSize) {}
  }

  static final class Float64 implements Reduction {
    private final boolean min;

    Float64(ReduceOp op) {
      this.min = op == ReduceOp.MIN;
    }

    @Override
    public void combine(long destination, long source, long count) {
      for (long at = 0; at < count * Double.BYTES; at += Double.BYTES) {
        double a = UnsafeApi.getDouble(destination + at);
        double b = UnsafeApi.getDouble(source + at);
        UnsafeApi.putDouble(destination + at, min ? Math.min(a, b) : Math.max(a, b));
      }
    }

    @Override
    public void finish(long destination, long count, int worldSize) {}
  }

  static final class Int32 implements Reduction {
    private final ReduceOp op;

    Int32(ReduceOp op) {
      this.op = op;
    }

    @Override
    public void combine(long destination, long source, long count) {
      for (long at = 0; at < count * Integer.BYTES; at += Integer.BYTES) {
        int a = UnsafeApi.getInt(destination + at);
        int b = UnsafeApi.getInt(source + at);
        UnsafeApi.putInt(
            destination + at,
            switch (op) {
              case SUM, MEAN -> a + b;
              case MIN -> Math.min(a, b);
              case MAX -> Math.max(a, b);
            });
      }
    }

    @Override
    public void finish(long destination, long count, int worldSize) {
      for (long at = 0; op == ReduceOp.MEAN && at < count * Integer.BYTES; at += Integer.BYTES) {
        UnsafeApi.putInt(destination + at, UnsafeApi.getInt(destination + at) / worldSize);
      }
    }
  }

  static final class Int64 implements Reduction {
    private final ReduceOp op;

    Int64(ReduceOp op) {
      this.op = op;
    }

    @Override
    public void combine(long destination, long source, long count) {
      for (long at = 0; at < count * Long.BYTES; at += Long.BYTES) {
        long a = UnsafeApi.getLong(destination + at);
        long b = UnsafeApi.getLong(source + at);
        UnsafeApi.putLong(
            destination + at,
            switch (op) {
              case SUM, MEAN -> a + b;
              case MIN -> Math.min(a, b);
              case MAX -> Math.max(a, b);
            });
      }
    }

    @Override
    public void finish(long destination, long count, int worldSize) {
      for (long at = 0; op == ReduceOp.MEAN && at < count * Long.BYTES; at += Long.BYTES) {
        UnsafeApi.putLong(destination + at, UnsafeApi.getLong(destination + at) / worldSize);
      }
    }
  }
}
