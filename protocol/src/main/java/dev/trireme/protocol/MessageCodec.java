package dev.trireme.protocol;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import com.esotericsoftware.kryo.util.Pool;
import java.nio.ByteBuffer;

/**
 * Messages to bytes and back, the same for Akka, the rank channel and the job store.
 *
 * <p>Format: the registry's version, the message's registered class id, then the components of the
 * record in the order of their declaration, each written as its declared type says. Integers are
 * variable-length, strings are UTF-8 behind their length.
 *
 * <p>Bytes are never trusted. Only registered classes are made, every length is checked against the
 * bytes that are left before anything is allocated for it, nesting is bounded by {@link
 * #MAX_DEPTH}, the whole by {@link #MAX_BYTES}, and records check themselves: whatever the bytes,
 * {@link #decode} returns a whole message or throws {@link CodecException}, and allocates no more
 * than a small multiple of their length. Lists and maps come back immutable.
 *
 * <p>Threading: any number of threads; nothing blocks.
 */
public final class MessageCodec {
  /** The longest message in bytes. */
  public static final int MAX_BYTES = 1 << 20;

  /** How deeply records may be nested, the message itself counted. */
  public static final int MAX_DEPTH = 64;

  /** The version of the registry that this build writes, and the only one it reads. */
  public static final int REGISTRY_VERSION = MessageRegistry.VERSION;

  private static final int FIRST_BUFFER = 1024;
  private static final int POOLED = 16;
  private static final ValueCodec ANY = ValueCodecs.of(Message.class);

  private final Pool<Kryo> kryos =
      new Pool<>(true, false, POOLED) {
        @Override
        protected Kryo create() {
          Kryo kryo = MessageRegistry.newKryo();
          kryo.setMaxDepth(MAX_DEPTH);
          return kryo;
        }
      };

  /**
   * The bytes of a message.
   *
   * @throws CodecException when it is longer than {@link #MAX_BYTES}, nested deeper than {@link
   *     #MAX_DEPTH}, or holds a null
   */
  public byte[] encode(Message message) {
    Kryo kryo = kryos.obtain();
    Output output = new Output(FIRST_BUFFER, MAX_BYTES);
    try {
      output.writeVarInt(MessageRegistry.VERSION, true);
      ANY.write(kryo, output, message);
    } catch (KryoException e) {
      throw new CodecException(
          "cannot encode a "
              + message.getClass().getSimpleName()
              + " (at most "
              + MAX_BYTES
              + " bytes, nested at most "
              + MAX_DEPTH
              + " deep): "
              + firstLine(e),
          e);
    }
    kryos.free(kryo);
    return output.toBytes();
  }

  /**
   * The message that these bytes are.
   *
   * @throws CodecException when they are not exactly one message
   */
  public Message decode(byte[] bytes) {
    return decode(bytes, 0, bytes.length);
  }

  /**
   * The message between a buffer's position and its limit, neither of which is moved.
   *
   * @throws CodecException when there is not exactly one message
   */
  public Message decode(ByteBuffer buffer) {
    if (buffer.hasArray()) {
      return decode(buffer.array(), buffer.arrayOffset() + buffer.position(), buffer.remaining());
    }
    requireLength(buffer.remaining());
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return decode(bytes, 0, bytes.length);
  }

  /**
   * The message in {@code bytes[offset .. offset + length)}.
   *
   * @throws CodecException when that is not exactly one message
   */
  public Message decode(byte[] bytes, int offset, int length) {
    requireLength(length);
    Input input = new Input(bytes, offset, length);
    Kryo kryo = kryos.obtain();
    Message message;
    try {
      requireVersion(input.readVarInt(true));
      message = (Message) ANY.read(kryo, input);
    } catch (KryoException | IndexOutOfBoundsException e) {
      throw new CodecException("these " + length + " bytes are no message: " + firstLine(e), e);
    }
    if (input.position() != input.limit()) {
      throw new CodecException(
          "expected one message, found "
              + (input.limit() - input.position())
              + " bytes after a "
              + message.getClass().getSimpleName());
    }
    kryos.free(kryo);
    return message;
  }

  private static void requireLength(int length) {
    if (length > MAX_BYTES) {
      throw new CodecException("a message has at most " + MAX_BYTES + " bytes, found " + length);
    }
  }

  private static void requireVersion(int version) {
    if (version != MessageRegistry.VERSION) {
      throw new CodecException(
          "expected a message of registry version "
              + MessageRegistry.VERSION
              + ", found "
              + version
              + "; run the same version of Trireme on all sides");
    }
  }

  /** Kryo appends a trace of where it was, line by line. */
  private static String firstLine(Exception e) {
    String text = String.valueOf(e.getMessage());
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end).trim();
  }
}
