package dev.trireme.api.job;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The YAML name of one record of a sealed choice: written {@code name: {...}}, or {@code name}
 * alone when every key has a default, or {@code name: value} when {@link #shorthand} names the key
 * that the bare value means.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface Variant {
  /** The name. */
  String value();

  /** What it is, in one sentence. */
  String doc();

  /** The component that a bare value fills; empty when there is none. */
  String shorthand() default "";
}
