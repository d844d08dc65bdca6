package dev.trireme.protocol;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.Serializer;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;

/**
 * Writes a record component by component and reads it back through its canonical constructor, so
 * that a record's own checks guard what comes from bytes too. Kryo's own serializer for records
 * goes by what the bytes say a component is, not by its declaration.
 *
 * <p>What reflection finds out is found out at first use: a process meets few of the classes.
 */
final class RecordSerializer extends Serializer<Object> {
  private record Layout(Constructor<?> constructor, Method[] accessors, ValueCodec[] codecs) {}

  private final Class<?> type;
  private Layout layout;

  RecordSerializer(Class<?> type) {
    super(false, true);
    this.type = type;
  }

  @Override
  public void write(Kryo kryo, Output output, Object value) {
    Layout l = layout();
    for (int i = 0; i < l.codecs.length; i++) {
      Object component = get(l.accessors[i], value);
      if (component == null) {
        throw new KryoException(name(l, i) + " is null");
      }
      l.codecs[i].write(kryo, output, component);
    }
  }

  @Override
  public Object read(Kryo kryo, Input input, Class<?> ignored) {
    Layout l = layout();
    Object[] components = new Object[l.codecs.length];
    for (int i = 0; i < components.length; i++) {
      components[i] = l.codecs[i].read(kryo, input);
    }
    try {
      return l.constructor.newInstance(components);
    } catch (InvocationTargetException e) {
      throw new KryoException(
          type.getSimpleName() + " refuses its content: " + e.getCause().getMessage(),
          e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot make a " + type.getName(), e);
    }
  }

  private Object get(Method accessor, Object value) {
    try {
      return accessor.invoke(value);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot read " + accessor, e);
    }
  }

  private String name(Layout l, int component) {
    return type.getSimpleName() + "." + l.accessors[component].getName();
  }

  private Layout layout() {
    if (layout == null) {
      layout = layoutOf(type);
    }
    return layout;
  }

  private static Layout layoutOf(Class<?> type) {
    RecordComponent[] components = type.getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    Method[] accessors = new Method[components.length];
    ValueCodec[] codecs = new ValueCodec[components.length];
    for (int i = 0; i < components.length; i++) {
      types[i] = components[i].getType();
      accessors[i] = components[i].getAccessor();
      codecs[i] = ValueCodecs.of(components[i].getGenericType());
    }
    try {
      return new Layout(type.getDeclaredConstructor(types), accessors, codecs);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException("no canonical constructor in " + type.getName(), e);
    }
  }
}
