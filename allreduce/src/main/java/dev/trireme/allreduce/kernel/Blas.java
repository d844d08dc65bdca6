package dev.trireme.allreduce.kernel;

import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/** Pointers for OpenBLAS that own nothing and can be moved without an allocation. */
final class Blas {
  private Blas() {}

  static final class FloatAt extends FloatPointer {
    private static final long serialVersionUID = 1L;

    FloatAt() {
      super((Pointer) null);
    }

    void move(long to) {
      address = to;
    }
  }

  static final class DoubleAt extends DoublePointer {
    private static final long serialVersionUID = 1L;

    DoubleAt() {
      super((Pointer) null);
    }

    void move(long to) {
      address = to;
    }
  }
}
