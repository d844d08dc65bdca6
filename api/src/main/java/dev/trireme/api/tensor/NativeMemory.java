package dev.trireme.api.tensor;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Field;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Reads and writes the host's memory at an address, for those who hold a {@link TensorBuffer} and
 * no engine. As raw as the buffer itself: an address that is not mapped ends the process.
 *
 * <p>Threading: any; nothing here orders accesses of several threads. Blocking: never.
 *
 * <p>It stands on {@code sun.misc.Unsafe}, the one means of Java 17 that needs no native code of
 * our own. The class is reached through method handles, which the JIT sees through like direct
 * calls, because javac warns of each direct use and the warning cannot be suppressed. Java 22's
 * foreign memory replaces this class once 17 is no longer supported.
 */
public final class NativeMemory {
  private static final Object UNSAFE = unsafe();
  private static final MethodHandle ALLOCATE = method("allocateMemory", long.class);
  private static final MethodHandle FREE = method("freeMemory", long.class);
  private static final MethodHandle FILL = method("setMemory", long.class, long.class, byte.class);
  private static final MethodHandle COPY =
      method("copyMemory", Object.class, long.class, Object.class, long.class, long.class);
  private static final MethodHandle PUT_LONG =
      method("putLong", Object.class, long.class, long.class);
  private static final MethodHandle PUT_INT = method("putInt", Object.class, long.class, int.class);
  private static final long ARRAY_BASE = arrayBase();
  private static final long ADDRESS_FIELD = fieldOffset("address");
  private static final long CAPACITY_FIELD = fieldOffset("capacity");
  private static final ByteBuffer NOWHERE = ByteBuffer.allocateDirect(0);

  private NativeMemory() {}

  /**
   * Native memory with an owner.
   *
   * <p>Threading: one thread frees it, once nobody uses it any more.
   */
  public static final class Block implements AutoCloseable {
    private final long address;
    private final long bytes;
    private long allocation;

    private Block(long allocation, long address, long bytes) {
      this.allocation = allocation;
      this.address = address;
      this.bytes = bytes;
    }

    /** Where it begins. */
    public long address() {
      return address;
    }

    /** Its size in bytes. */
    public long bytes() {
      return bytes;
    }

    /** This memory as {@code count} elements from its beginning. */
    public TensorBuffer buffer(DType dtype, long count) {
      if (count * dtype.bytes() > bytes) {
        throw new IndexOutOfBoundsException(
            count + " elements of " + dtype + " do not fit into " + bytes + " bytes");
      }
      return TensorBuffer.cpu(address, dtype, count);
    }

    /** Frees it; repeats are ignored. */
    @Override
    public void close() {
      long freed = allocation;
      allocation = 0;
      if (freed != 0) {
        free(freed);
      }
    }
  }

  /**
   * Zeroed memory, every page of it touched, so that the first use is as fast as the next.
   *
   * @param bytes at least 0; 0 gives a block with an address and no room
   * @param alignment of the address, a power of two
   * @throws OutOfMemoryError when the host has none left
   */
  public static Block allocate(long bytes, int alignment) {
    if (bytes < 0 || Integer.bitCount(alignment) != 1) {
      throw new IllegalArgumentException(
          "expected bytes of 0 or more and an alignment that is a power of two, found "
              + bytes
              + " and "
              + alignment);
    }
    long room = Math.addExact(Math.max(1, bytes), alignment - 1L);
    long allocation = malloc(room);
    long address = (allocation + alignment - 1) & -alignment;
    fill(address, bytes, (byte) 0);
    return new Block(allocation, address, bytes);
  }

  /**
   * Copies native memory into {@code to}.
   *
   * @throws IndexOutOfBoundsException when {@code [offset, offset + length)} is not inside it
   */
  public static void read(long address, byte[] to, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, to.length);
    copyMemory(null, address, to, ARRAY_BASE + offset, length);
  }

  /**
   * Copies {@code from} into native memory.
   *
   * @throws IndexOutOfBoundsException when {@code [offset, offset + length)} is not inside it
   */
  public static void write(byte[] from, int offset, int length, long address) {
    Objects.checkFromIndexSize(offset, length, from.length);
    copyMemory(from, ARRAY_BASE + offset, null, address, length);
  }

  /** Copies native memory to native memory; the two stretches must not overlap. */
  public static void copy(long from, long to, long bytes) {
    copyMemory(null, from, null, to, bytes);
  }

  /** Sets every one of {@code bytes} bytes to {@code value}. */
  public static void fill(long address, long bytes, byte value) {
    try {
      FILL.invokeExact(address, bytes, value);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /**
   * The same memory as a direct buffer in the host's byte order, for channels and checksums. It
   * owns nothing: it must not be used once the memory is freed.
   *
   * @param bytes its capacity, at least 0
   */
  public static ByteBuffer view(long address, int bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("a view of " + bytes + " bytes, expected 0 or more");
    }
    // A duplicate has no cleaner of its own, so that turning it to another address frees nothing.
    ByteBuffer view = NOWHERE.duplicate();
    try {
      PUT_LONG.invokeExact((Object) view, ADDRESS_FIELD, address);
      PUT_INT.invokeExact((Object) view, CAPACITY_FIELD, bytes);
    } catch (Throwable t) {
      throw broken(t);
    }
    return view.order(ByteOrder.nativeOrder()).clear();
  }

  private static long malloc(long bytes) {
    try {
      return (long) ALLOCATE.invokeExact(bytes);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private static void free(long address) {
    try {
      FREE.invokeExact(address);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private static void copyMemory(Object from, long at, Object to, long toAt, long bytes) {
    try {
      COPY.invokeExact(from, at, to, toAt, bytes);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private static Object unsafe() {
    try {
      Field field = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
      field.setAccessible(true);
      return field.get(null);
    } catch (ReflectiveOperationException e) {
      throw broken(e);
    }
  }

  private static MethodHandle method(String name, Class<?>... parameters) {
    try {
      return MethodHandles.publicLookup()
          .unreflect(UNSAFE.getClass().getMethod(name, parameters))
          .bindTo(UNSAFE);
    } catch (ReflectiveOperationException e) {
      throw broken(e);
    }
  }

  private static long arrayBase() {
    try {
      return (int) method("arrayBaseOffset", Class.class).invokeExact(byte[].class);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private static long fieldOffset(String name) {
    try {
      return (long)
          method("objectFieldOffset", Field.class).invokeExact(Buffer.class.getDeclaredField(name));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private static Error broken(Throwable t) {
    if (t instanceof Error e) {
      return e;
    }
    return new LinkageError(
        "this JVM does not let Trireme reach native memory; start it with the flags of"
            + " ops/jvm.options",
        t);
  }
}
