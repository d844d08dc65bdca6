package dev.trireme.allreduce.nccl;

import java.util.Arrays;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.cuda.nccl.ncclUniqueId;

/**
 * What the ranks of one formation have in common: made by rank 0, handed to all by whoever forms
 * the group, used once. It holds an address that NCCL listens at, and is a secret: who has it can
 * join.
 */
public final class NcclUniqueId {
  /** Its size. */
  public static final int BYTES = 128;

  private final byte[] bytes;

  /**
   * One that came from elsewhere.
   *
   * @param bytes {@value #BYTES} of them; copied
   */
  public NcclUniqueId(byte[] bytes) {
    if (bytes.length != BYTES) {
      throw new IllegalArgumentException(
          "a unique id of NCCL has " + BYTES + " bytes, found " + bytes.length);
    }
    this.bytes = bytes.clone();
  }

  /**
   * A new one. Blocking: while the libraries are loaded, about a second the first time.
   *
   * @throws NcclUnavailableException when NCCL or CUDA is missing or has no network interface
   */
  public static NcclUniqueId create() {
    Nccl.load();
    try (ncclUniqueId made = new ncclUniqueId()) {
      int code = nccl.ncclGetUniqueId(made);
      if (code != nccl.ncclSuccess) {
        throw Nccl.unavailable("the making of a unique id failed", code, Nccl.lastError(null));
      }
      byte[] bytes = new byte[BYTES];
      made.internal().get(bytes);
      return new NcclUniqueId(bytes);
    }
  }

  /** A copy of its bytes. */
  public byte[] bytes() {
    return bytes.clone();
  }

  /** The same for the library; the caller closes it. */
  ncclUniqueId made() {
    ncclUniqueId made = new ncclUniqueId();
    made.internal().put(bytes);
    return made;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof NcclUniqueId id && Arrays.equals(bytes, id.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  /** Leaves the bytes out, which are a secret. */
  @Override
  public String toString() {
    return "a unique id of NCCL";
  }
}
