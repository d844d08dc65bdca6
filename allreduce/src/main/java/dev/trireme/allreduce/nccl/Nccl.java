package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.Cuda;
import dev.trireme.allreduce.cuda.CudaUnavailableException;
import dev.trireme.allreduce.nccl.NcclUnavailableException.Reason;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.cuda.nccl.ncclComm;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;

/** Loading of NCCL, its numbers for our words, and what to say of its errors. */
public final class Nccl {
  private static final int FIRST_WITH_SHRINK = 22_700;

  private Nccl() {}

  /**
   * Loads NCCL and the CUDA runtime.
   *
   * @throws NcclUnavailableException when a library is missing or no device answers
   */
  public static void load() {
    try {
      Cuda.load();
    } catch (CudaUnavailableException e) {
      Reason reason = e.getCause() == null ? Reason.DEVICE : Reason.LIBRARY;
      throw new NcclUnavailableException(reason, e.getMessage(), e);
    }
    try {
      Loader.load(nccl.class);
    } catch (LinkageError | RuntimeException e) {
      throw new NcclUnavailableException(Reason.LIBRARY, Cuda.missing("libnccl.so.2", e), e);
    }
  }

  /** The library's version, as {@code 2.28.9}; after {@link #load}. */
  public static String version() {
    int[] code = new int[1];
    nccl.ncclGetVersion(code);
    return code[0] / 10_000 + "." + code[0] / 100 % 100 + "." + code[0] % 100;
  }

  /**
   * Whether the library that was loaded can make a communicator of those ranks of another that are
   * left. The glue binds functions when they are first called, and would end the process where one
   * is missing, so it is the version that is asked.
   */
  static boolean canShrink() {
    int[] code = new int[1];
    nccl.ncclGetVersion(code);
    return code[0] >= FIRST_WITH_SHRINK;
  }

  static int type(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> nccl.ncclFloat32;
      case FLOAT64 -> nccl.ncclFloat64;
      case BFLOAT16 -> nccl.ncclBfloat16;
      case FLOAT16 -> nccl.ncclFloat16;
      case INT32 -> nccl.ncclInt32;
      case INT64 -> nccl.ncclInt64;
      case UINT8 -> nccl.ncclUint8;
    };
  }

  /**
   * For MEAN, floating-point elements are multiplied by 1/n before they are added, so that the last
   * bit may differ from that of the sum divided by n; whole numbers are added, then divided.
   */
  static int operation(ReduceOp op) {
    return switch (op) {
      case SUM -> nccl.ncclSum;
      case MEAN -> nccl.ncclAvg;
      case MIN -> nccl.ncclMin;
      case MAX -> nccl.ncclMax;
    };
  }

  /**
   * The last error that NCCL told of in this process, whichever communicator it was of: the library
   * keeps one text and never clears it, so that it may be of something before. May be empty.
   */
  static String lastError(ncclComm comm) {
    BytePointer text = nccl.ncclGetLastError(comm);
    return text == null || text.isNull() ? "" : text.getString().strip();
  }

  /**
   * As {@code NCCL says: invalid usage, code 5, and its last error text in this process is
   * "Duplicate GPU detected ..."}, with what to look at.
   */
  static String describe(int code, String lastError) {
    return "NCCL says: "
        + nccl.ncclGetErrorString(code).getString()
        + ", code "
        + code
        + (lastError.isEmpty()
            ? ""
            : ", and its last error text in this process is \"" + lastError + "\"")
        + "; "
        + mend(code, lastError);
  }

  private static String mend(int code, String lastError) {
    return switch (reason(code, lastError)) {
      case SHARED_DEVICE ->
          "give each rank a device of its own (CUDA_VISIBLE_DEVICES), or use another backend";
      case INTERFACE ->
          "NCCL_SOCKET_IFNAME is "
              + environment("NCCL_SOCKET_IFNAME")
              + " and must name an interface that is up and leads to all hosts";
      default ->
          code == nccl.ncclInvalidUsage
                  && lastError.toLowerCase(java.util.Locale.ROOT).contains("version")
              ? "all ranks need the same version of NCCL; this one has " + version()
              : "NCCL_DEBUG=WARN makes it say more; NCCL_SOCKET_IFNAME is "
                  + environment("NCCL_SOCKET_IFNAME");
    };
  }

  private static Reason reason(int code, String lastError) {
    if (code != nccl.ncclInvalidUsage) {
      // None of what is known here: the text may be an old one.
      return Reason.OTHER;
    }
    // The latter since 2.30, whose versions word it differently but for the way out.
    if (lastError.contains("Duplicate GPU") || lastError.contains("NCCL_MULTI_RANK_GPU_ENABLE")) {
      return Reason.SHARED_DEVICE;
    }
    return lastError.contains("socket interface") ? Reason.INTERFACE : Reason.OTHER;
  }

  static NcclUnavailableException unavailable(String what, int code, String lastError) {
    return new NcclUnavailableException(
        reason(code, lastError), what + ": " + describe(code, lastError));
  }

  private static String environment(String name) {
    String value = System.getenv(name);
    return value == null ? "not set" : "'" + value + "'";
  }
}
