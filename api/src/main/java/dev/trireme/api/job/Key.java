package dev.trireme.api.job;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Describes one key of a job spec; stands on a record component. A component without a default,
 * that is neither {@link java.util.Optional} nor a list or map, must be given.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Key {
  /** What it means, for people: one sentence, shown by editors and in errors. */
  String value();

  /** The key's name in YAML where it differs from the component's. */
  String name() default "";

  /** The default as it would be written in YAML; empty for none. */
  String defaultValue() default "";

  /** The smallest number allowed. */
  double min() default Double.NEGATIVE_INFINITY;

  /** The largest number allowed. */
  double max() default Double.POSITIVE_INFINITY;

  /** Whether the number must be above {@link #min} and not just at least it. */
  boolean exclusiveMin() default false;

  /**
   * Whether the value is a size in bytes that may be written as {@code 4k}, {@code 25m}, {@code
   * 1g}.
   */
  boolean size() default false;

  /** Whether the word {@code auto} may stand for the number, which is 0 then. */
  boolean auto() default false;

  /** Whether the name of a YAML file with the list may stand for the list. */
  boolean file() default false;
}
