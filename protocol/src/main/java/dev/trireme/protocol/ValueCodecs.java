package dev.trireme.protocol;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.Registration;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The codec of a record component, chosen by its declared generic type. Going by the declaration
 * and not by what the bytes say keeps a list of integers a list of integers: hostile bytes cannot
 * smuggle in a value that would only fail much later, when it is used.
 */
final class ValueCodecs {
  private ValueCodecs() {}

  /**
   * @throws IllegalArgumentException when messages cannot hold the type
   */
  static ValueCodec of(Type type) {
    if (type instanceof ParameterizedType generic) {
      Type[] arguments = generic.getActualTypeArguments();
      if (generic.getRawType() == List.class) {
        return new ListCodec(of(arguments[0]));
      }
      if (generic.getRawType() == Optional.class) {
        return new OptionalCodec(of(arguments[0]));
      }
      if (generic.getRawType() == Map.class && arguments[0] == String.class) {
        return new MapCodec(of(arguments[1]));
      }
    }
    if (type instanceof Class<?> raw) {
      Scalar scalar = Scalar.of(raw);
      if (scalar != null) {
        return scalar;
      }
      if (raw.isEnum()) {
        return new EnumCodec(raw.getEnumConstants());
      }
      if (raw.isRecord()) {
        return new RecordCodec(raw);
      }
      if (raw.isSealed()) {
        return new SealedCodec(raw);
      }
    }
    throw new IllegalArgumentException(
        "a message cannot hold a "
            + type.getTypeName()
            + "; use a record, an enum, a sealed interface of records, int, long, double, boolean,"
            + " String, or a List, an Optional or a Map<String, ?> of these");
  }

  /** Reads a length and refuses one that the remaining bytes cannot bear out. */
  private static int readLength(Input input, int minBytesEach) {
    int length = input.readVarInt(true);
    int left = input.limit() - input.position();
    if (length < 0 || length > left / minBytesEach) {
      throw new KryoException(
          "a length of " + Integer.toUnsignedString(length) + " with " + left + " bytes left");
    }
    return length;
  }

  private enum Scalar implements ValueCodec {
    INT(1) {
      @Override
      public void write(Kryo kryo, Output output, Object value) {
        output.writeVarInt((Integer) value, false);
      }

      @Override
      public Object read(Kryo kryo, Input input) {
        return input.readVarInt(false);
      }
    },
    LONG(1) {
      @Override
      public void write(Kryo kryo, Output output, Object value) {
        output.writeVarLong((Long) value, false);
      }

      @Override
      public Object read(Kryo kryo, Input input) {
        return input.readVarLong(false);
      }
    },
    DOUBLE(8) {
      @Override
      public void write(Kryo kryo, Output output, Object value) {
        output.writeDouble((Double) value);
      }

      @Override
      public Object read(Kryo kryo, Input input) {
        return input.readDouble();
      }
    },
    BOOLEAN(1) {
      @Override
      public void write(Kryo kryo, Output output, Object value) {
        output.writeByte((Boolean) value ? 1 : 0);
      }

      @Override
      public Object read(Kryo kryo, Input input) {
        int value = input.readByte();
        if (value != 0 && value != 1) {
          throw new KryoException("expected a boolean, 0 or 1, found " + value);
        }
        return value == 1;
      }
    },
    STRING(1) {
      @Override
      public void write(Kryo kryo, Output output, Object value) {
        byte[] utf8 = ((String) value).getBytes(StandardCharsets.UTF_8);
        output.writeVarInt(utf8.length, true);
        output.writeBytes(utf8);
      }

      @Override
      public Object read(Kryo kryo, Input input) {
        return new String(input.readBytes(readLength(input, 1)), StandardCharsets.UTF_8);
      }
    };

    private final int minBytes;

    Scalar(int minBytes) {
      this.minBytes = minBytes;
    }

    @Override
    public int minBytes() {
      return minBytes;
    }

    static Scalar of(Class<?> type) {
      if (type == int.class || type == Integer.class) {
        return INT;
      }
      if (type == long.class || type == Long.class) {
        return LONG;
      }
      if (type == double.class || type == Double.class) {
        return DOUBLE;
      }
      if (type == boolean.class || type == Boolean.class) {
        return BOOLEAN;
      }
      return type == String.class ? STRING : null;
    }
  }

  private record EnumCodec(Object[] constants) implements ValueCodec {
    @Override
    public void write(Kryo kryo, Output output, Object value) {
      output.writeVarInt(((Enum<?>) value).ordinal(), true);
    }

    @Override
    public Object read(Kryo kryo, Input input) {
      int ordinal = input.readVarInt(true);
      if (ordinal < 0 || ordinal >= constants.length) {
        throw new KryoException(
            "expected one of "
                + List.of(constants)
                + ", found number "
                + Integer.toUnsignedString(ordinal));
      }
      return constants[ordinal];
    }

    @Override
    public int minBytes() {
      return 1;
    }
  }

  private record ListCodec(ValueCodec element) implements ValueCodec {
    ListCodec {
      if (element.minBytes() == 0) {
        throw new IllegalArgumentException(
            "a list of values without bytes would have no bounded length");
      }
    }

    @Override
    public void write(Kryo kryo, Output output, Object value) {
      List<?> list = (List<?>) value;
      output.writeVarInt(list.size(), true);
      for (Object each : list) {
        element.write(kryo, output, each);
      }
    }

    @Override
    public Object read(Kryo kryo, Input input) {
      int size = readLength(input, element.minBytes());
      List<Object> list = new ArrayList<>(size);
      for (int i = 0; i < size; i++) {
        list.add(element.read(kryo, input));
      }
      return List.copyOf(list);
    }

    @Override
    public int minBytes() {
      return 1;
    }
  }

  /** Written in the order of the keys, so that equal maps have equal bytes. */
  private record MapCodec(ValueCodec value) implements ValueCodec {
    @Override
    public void write(Kryo kryo, Output output, Object map) {
      TreeMap<String, Object> sorted = new TreeMap<>();
      ((Map<?, ?>) map).forEach((k, v) -> sorted.put((String) k, v));
      output.writeVarInt(sorted.size(), true);
      sorted.forEach(
          (k, v) -> {
            Scalar.STRING.write(kryo, output, k);
            value.write(kryo, output, v);
          });
    }

    @Override
    public Object read(Kryo kryo, Input input) {
      int size = readLength(input, 1 + value.minBytes());
      Map<String, Object> map = new HashMap<>();
      for (int i = 0; i < size; i++) {
        String key = (String) Scalar.STRING.read(kryo, input);
        if (map.put(key, value.read(kryo, input)) != null) {
          throw new KryoException("key '" + key + "' twice in one map");
        }
      }
      return Map.copyOf(map);
    }

    @Override
    public int minBytes() {
      return 1;
    }
  }

  private record OptionalCodec(ValueCodec content) implements ValueCodec {
    @Override
    public void write(Kryo kryo, Output output, Object value) {
      Optional<?> optional = (Optional<?>) value;
      Scalar.BOOLEAN.write(kryo, output, optional.isPresent());
      optional.ifPresent(present -> content.write(kryo, output, present));
    }

    @Override
    public Object read(Kryo kryo, Input input) {
      boolean present = (Boolean) Scalar.BOOLEAN.read(kryo, input);
      return present ? Optional.of(content.read(kryo, input)) : Optional.empty();
    }

    @Override
    public int minBytes() {
      return 1;
    }
  }

  /** A record that the declaration names: its class need not be written. */
  private record RecordCodec(Class<?> type) implements ValueCodec {
    @Override
    public void write(Kryo kryo, Output output, Object value) {
      kryo.writeObject(output, value);
    }

    @Override
    public Object read(Kryo kryo, Input input) {
      return kryo.readObject(input, type);
    }

    @Override
    public int minBytes() {
      return type.getRecordComponents().length == 0 ? 0 : 1;
    }
  }

  /** One of the records of a sealed interface: its class id goes before it. */
  private record SealedCodec(Class<?> type) implements ValueCodec {
    @Override
    public void write(Kryo kryo, Output output, Object value) {
      kryo.writeClassAndObject(output, value);
    }

    @Override
    public Object read(Kryo kryo, Input input) {
      Registration registration = kryo.readClass(input);
      Class<?> found = registration == null ? null : registration.getType();
      if (found == null || !type.isAssignableFrom(found)) {
        throw new KryoException(
            "expected a "
                + type.getSimpleName()
                + ", found "
                + (found == null ? "null" : found.getSimpleName()));
      }
      return kryo.readObject(input, found);
    }

    @Override
    public int minBytes() {
      return 1;
    }
  }
}
