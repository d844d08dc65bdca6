package dev.trireme.ps.shard;

import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.ps.plan.Shard;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * A gradient of one shard as bytes. Of most shards all elements, in order; of a stretch of a table
 * the numbers of some rows within it (int32, ascending), then these rows.
 *
 * <p>Cost: one pass. Threading: one thread an instance.
 */
public final class Packing {
  static final int CHUNK = 1024;

  private final Shard shard;
  private final Wire wire;
  private final float[] values = new float[CHUNK];
  private final short[] scratch = new short[CHUNK];

  public Packing(Shard shard, Wire wire) {
    this.shard = shard;
    this.wire = wire;
  }

  /**
   * Bytes of a gradient.
   *
   * @param rows of a table that are in it
   */
  public long bytes(int rows) {
    return shard.isTable()
        ? rows * (4L + (long) wire.bytes() * shard.width())
        : wire.bytes() * shard.count();
  }

  /**
   * Rows in a message.
   *
   * @throws IllegalArgumentException when no gradient of this shard has so many bytes
   */
  public int rows(long bytes) {
    if (!shard.isTable()) {
      if (bytes != bytes(0)) {
        throw new IllegalArgumentException(
            "a gradient of shard " + shard.index() + " has " + bytes(0) + " bytes, found " + bytes);
      }
      return 0;
    }
    long row = bytes(1);
    if (bytes % row != 0 || bytes / row > shard.rows()) {
      throw new IllegalArgumentException(
          "expected at most "
              + shard.rows()
              + " rows of "
              + row
              + " bytes of shard "
              + shard.index()
              + ", found "
              + bytes
              + " bytes");
    }
    return (int) (bytes / row);
  }

  /**
   * Packs.
   *
   * @param slab all elements of the shard, from 0 on
   * @param rows numbers within the shard, ascending; of a table
   * @param count of them
   */
  public void pack(FloatBuffer slab, int[] rows, int count, ByteBuffer to) {
    if (!shard.isTable()) {
      for (int at = 0; at < shard.count(); at += CHUNK) {
        int length = (int) Math.min(CHUNK, shard.count() - at);
        slab.get(at, values, 0, length);
        wire.write(values, 0, to, wire.bytes() * at, length, scratch);
      }
      return;
    }
    to.slice(0, 4 * count).order(to.order()).asIntBuffer().put(0, rows, 0, count);
    int begin = 4 * count;
    for (int i = 0; i < count; i++) {
      for (int at = 0; at < shard.width(); at += CHUNK) {
        int length = Math.min(CHUNK, shard.width() - at);
        slab.get(rows[i] * shard.width() + at, values, 0, length);
        int byteAt = begin + wire.bytes() * (i * shard.width() + at);
        wire.write(values, 0, to, byteAt, length, scratch);
      }
    }
  }

  /** How its elements travel. */
  Wire wire() {
    return wire;
  }

  /** Reads elements {@code [at, at + length)} of what is no table to this address, as float32. */
  void read(ByteBuffer from, long at, long to, int length) {
    FloatBuffer target = NativeMemory.view(to, Float.BYTES * length).asFloatBuffer();
    for (int piece = 0; piece < length; piece += CHUNK) {
      int count = Math.min(CHUNK, length - piece);
      wire.read(from, Math.toIntExact(wire.bytes() * (at + piece)), values, 0, count, scratch);
      target.put(piece, values, 0, count);
    }
  }

  /**
   * The numbers of the rows in a message.
   *
   * @throws IllegalArgumentException when they are not ascending numbers of rows of the shard
   */
  int[] rowsIn(ByteBuffer from, long bytes) {
    return rowNumbers(from, rows(bytes));
  }

  /** As {@link #rowsIn}, where the message is no more than the numbers. */
  public int[] rowNumbers(ByteBuffer from, int count) {
    int[] rows = new int[count];
    from.slice(0, 4 * count).order(from.order()).asIntBuffer().get(0, rows);
    for (int i = 0; i < count; i++) {
      if (rows[i] < 0 || rows[i] >= shard.rows() || i > 0 && rows[i] <= rows[i - 1]) {
        throw new IllegalArgumentException(
            "expected ascending rows of shard "
                + shard.index()
                + " below "
                + shard.rows()
                + ", found "
                + Arrays.stream(rows).limit(20).boxed().toList());
      }
    }
    return rows;
  }

  /** Reads the {@code index}-th row of a message with {@code count} rows. */
  void readRow(ByteBuffer from, int count, int index, float[] to, int at) {
    for (int piece = 0; piece < shard.width(); piece += CHUNK) {
      int length = Math.min(CHUNK, shard.width() - piece);
      int byteAt = 4 * count + wire.bytes() * (index * shard.width() + piece);
      wire.read(from, byteAt, to, at + piece, length, scratch);
    }
  }
}
