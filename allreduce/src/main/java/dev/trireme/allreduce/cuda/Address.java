package dev.trireme.allreduce.cuda;

import org.bytedeco.javacpp.Pointer;

/** An address for the CUDA libraries that owns nothing. */
public final class Address extends Pointer {
  private static final long serialVersionUID = 1L;

  /** Points there. */
  public Address(long at) {
    super((Pointer) null);
    address = at;
  }
}
