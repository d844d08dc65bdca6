package dev.trireme.allreduce.kernel;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A pointer for OpenBLAS that owns nothing and can be moved without an allocation.
 *
 * <p>Threading: one thread at a time.
 */
public final class FloatAt extends FloatPointer {
  private static final long serialVersionUID = 1L;

  /** Points nowhere. */
  public FloatAt() {
    super((Pointer) null);
  }

  /** Points to this address from now on. */
  public void move(long to) {
    address = to;
  }
}
