package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Turns libtorch's errors, which carry pages of native stack, into one line. */
final class Failures {
  private static final int LONGEST = 400;
  private static final Pattern STACK = Pattern.compile("\n(Exception raised from|frame #0)");

  private Failures() {}

  /** What libtorch said, without its stack. */
  static String brief(Throwable failure) {
    String message = String.valueOf(failure.getMessage());
    Matcher stack = STACK.matcher(message);
    String told = stack.find() ? message.substring(0, stack.start()) : message;
    String line = told.strip().replaceAll("\\s*\\n\\s*", " ");
    return line.length() <= LONGEST ? line : line.substring(0, LONGEST) + " ...";
  }

  /** That {@code what} failed, and why. */
  static EngineException at(String what, RuntimeException failure) {
    return failure instanceof EngineException e
        ? e
        : new EngineException(what + ": " + brief(failure), failure);
  }
}
