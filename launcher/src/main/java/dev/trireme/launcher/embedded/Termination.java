package dev.trireme.launcher.embedded;

import dev.trireme.launcher.cli.ExitCode;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells SIGTERM, by which a scheduler takes a machine back, from Ctrl-C, by which a person gives
 * up: the JVM begins to shut down for both, and its hooks cannot see why.
 *
 * <p>By reflection, because the compiler warns of {@code sun.misc.Signal} wherever it is named, and
 * the JDK has no other door to signals. Where the JVM does not let us, SIGTERM is like Ctrl-C.
 */
final class Termination implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Termination.class);

  /** One that does not listen. */
  static final Termination NEVER = new Termination();

  private final AtomicBoolean asked = new AtomicBoolean();
  private Runnable restore = () -> {};

  private Termination() {}

  /** Listens from now on: the first SIGTERM is noted and begins the JVM's shutdown. */
  static Termination listen() {
    Termination termination = new Termination();
    try {
      termination.install();
    } catch (ReflectiveOperationException | RuntimeException e) {
      LOG.warn("cannot tell SIGTERM from Ctrl-C: no checkpoint will be written on it", e);
    }
    return termination;
  }

  /** Whether it has come. */
  boolean isAsked() {
    return asked.get();
  }

  private void install() throws ReflectiveOperationException {
    Class<?> signal = Class.forName("sun.misc.Signal");
    Class<?> handler = Class.forName("sun.misc.SignalHandler");
    Object term = signal.getConstructor(String.class).newInstance("TERM");
    Object own =
        Proxy.newProxyInstance(
            handler.getClassLoader(),
            new Class<?>[] {handler},
            (proxy, method, arguments) -> {
              if (method.getName().equals("handle") && asked.compareAndSet(false, true)) {
                System.exit(ExitCode.CANCELLED);
              }
              return null;
            });
    Object before = signal.getMethod("handle", signal, handler).invoke(null, term, own);
    restore =
        () -> {
          try {
            signal.getMethod("handle", signal, handler).invoke(null, term, before);
          } catch (ReflectiveOperationException e) {
            LOG.warn("cannot hand SIGTERM back to the JVM", e);
          }
        };
  }

  /** Hands the signal back to the JVM. */
  @Override
  public void close() {
    restore.run();
  }
}
