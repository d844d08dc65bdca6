package dev.trireme.protocol;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;

/** The classes that a declared type speaks of, its type arguments included. */
final class ValueTypes {
  private ValueTypes() {}

  static List<Class<?>> of(Type type) {
    List<Class<?>> types = new ArrayList<>();
    if (type instanceof Class<?> raw) {
      types.add(raw);
    } else if (type instanceof ParameterizedType generic) {
      types.addAll(of(generic.getRawType()));
      for (Type argument : generic.getActualTypeArguments()) {
        types.addAll(of(argument));
      }
    }
    return types;
  }
}
