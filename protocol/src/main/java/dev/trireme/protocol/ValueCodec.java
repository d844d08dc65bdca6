package dev.trireme.protocol;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;

/** How values of one declared type are written and read. Values are never null. */
interface ValueCodec {
  void write(Kryo kryo, Output output, Object value);

  Object read(Kryo kryo, Input input);

  /** The fewest bytes that a value can take: what bounds the length of a list of them. */
  int minBytes();
}
