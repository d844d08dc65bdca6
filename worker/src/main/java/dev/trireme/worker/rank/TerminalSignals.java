package dev.trireme.worker.rank;

import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes this process deaf to what is sent to everyone of a group or a terminal: Ctrl-C, its
 * closing, and SIGTERM. A rank obeys its agent, which decides what those mean for the job.
 */
final class TerminalSignals {
  private static final Logger LOG = LoggerFactory.getLogger(TerminalSignals.class);

  private TerminalSignals() {}

  /**
   * Ignores SIGINT, SIGHUP and SIGTERM; where the JVM does not let us, logs that and goes on.
   *
   * <p>By reflection, because the compiler warns of {@code sun.misc.Signal} wherever it is named,
   * and the JDK has no other door to signals.
   */
  static void ignore() {
    for (String name : List.of("INT", "HUP", "TERM")) {
      try {
        Class<?> signal = Class.forName("sun.misc.Signal");
        Class<?> handler = Class.forName("sun.misc.SignalHandler");
        Object number = signal.getConstructor(String.class).newInstance(name);
        signal
            .getMethod("handle", signal, handler)
            .invoke(null, number, handler.getField("SIG_IGN").get(null));
      } catch (ReflectiveOperationException | RuntimeException e) {
        LOG.warn("cannot ignore SIG{}: it may end this rank before its agent does", name, e);
      }
    }
  }
}
