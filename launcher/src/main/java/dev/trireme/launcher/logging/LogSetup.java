package dev.trireme.launcher.logging;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.util.List;

/**
 * Found by logback as a service. A rank logs from INFO on to its standard output, which its agent
 * puts into {@code logs/rank-N.log}; the command line logs from WARN on to standard error, where
 * progress goes too; a service logs from INFO on to standard error, a JSON object a line. {@code
 * -Dtrireme.log=DEBUG} sets another level.
 */
public final class LogSetup extends ContextAwareBase implements Configurator {
  /** The system property that makes a process log as a rank does. */
  public static final String RANK_PROPERTY = "trireme.rank";

  /** The system property that makes a process log as a service does. */
  public static final String SERVICE_PROPERTY = "trireme.service";

  private static final List<String> CLUSTER_LIBRARIES = List.of("akka", "com.hazelcast");

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    boolean rank = Boolean.getBoolean(RANK_PROPERTY);
    boolean service = Boolean.getBoolean(SERVICE_PROPERTY);
    Encoder<ILoggingEvent> encoder =
        service
            ? lines()
            : pattern(
                rank
                    ? "%d{HH:mm:ss.SSS} %-5level %logger{0}: %msg%n"
                    : "trireme: %level %logger{0}: %msg%n");
    encoder.setContext(context);
    encoder.start();
    ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
    appender.setContext(context);
    appender.setName("console");
    appender.setTarget(rank ? "System.out" : "System.err");
    appender.setEncoder(encoder);
    appender.start();
    var root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(
        Level.toLevel(
            System.getProperty("trireme.log"), rank || service ? Level.INFO : Level.WARN));
    root.addAppender(appender);
    if (!rank) {
      // On one busy machine their warnings of late heartbeats and of a lone member mean nothing to
      // a person; what the cluster has to say of a job, it says as the job's events.
      CLUSTER_LIBRARIES.forEach(
          name -> context.getLogger(name).setLevel(level(service ? Level.WARN : Level.ERROR)));
    }
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  private static Encoder<ILoggingEvent> pattern(String pattern) {
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setPattern(pattern);
    return encoder;
  }

  /** {@code timestamp} (milliseconds since 1970), level, thread, logger, message, throwable. */
  private static Encoder<ILoggingEvent> lines() {
    JsonEncoder encoder = new JsonEncoder();
    encoder.setWithSequenceNumber(false);
    encoder.setWithNanoseconds(false);
    encoder.setWithContext(false);
    encoder.setWithMessage(false);
    encoder.setWithArguments(false);
    encoder.setWithFormattedMessage(true);
    encoder.setWithMDC(false);
    encoder.setWithMarkers(false);
    encoder.setWithKVPList(false);
    return encoder;
  }

  private static Level level(Level usual) {
    return Level.toLevel(System.getProperty("trireme.log"), usual);
  }
}
