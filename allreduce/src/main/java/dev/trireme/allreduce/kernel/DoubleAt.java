package dev.trireme.allreduce.kernel;

import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Pointer;

/** As {@link FloatAt}, for float64. */
final class DoubleAt extends DoublePointer {
  private static final long serialVersionUID = 1L;

  DoubleAt() {
    super((Pointer) null);
  }

  void move(long to) {
    address = to;
  }
}
