package dev.trireme.api.job;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a sealed choice whose variant is named by a key beside the variant's own keys, as {@code
 * {format: idx, images: ...}}, instead of by a single key around them.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface Choice {
  /** The key that names the variant. */
  String value();
}
