package dev.trireme.worker.channel;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a rank's process is told when it is started. All but the secret is on its command line; the
 * secret is the first line of its standard input, because anyone on the machine can read a command
 * line.
 *
 * @param slot this process's number on its agent
 * @param channel where to meet the agent
 * @param secret that every frame must carry, in both directions
 */
public record Bootstrap(int slot, ChannelAddress channel, long secret) {
  private static final String SLOT = "--slot";
  private static final String AERON_DIRECTORY = "--aeron-dir";
  private static final String TO_AGENT = "--to-agent";
  private static final String TO_RANK = "--to-rank";
  private static final int SECRET_DIGITS = 16;

  /** The arguments for the process's command line; they hold no secret. */
  public List<String> arguments() {
    return List.of(
        SLOT,
        Integer.toString(slot),
        AERON_DIRECTORY,
        channel.aeronDirectory(),
        TO_AGENT,
        Integer.toString(channel.toAgentStream()),
        TO_RANK,
        Integer.toString(channel.toRankStream()));
  }

  /** What the agent writes on the process's standard input first, the line's end included. */
  public byte[] secretLine() {
    return (String.format("%0" + SECRET_DIGITS + "x", secret) + "\n")
        .getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * Reads the bootstrap from inside the process. Blocks until the first line of {@code input} is
   * there; consumes no byte after it.
   *
   * @throws IllegalArgumentException when an argument is missing, unknown or no number, or the line
   *     is no secret; the message says which
   */
  public static Bootstrap read(String[] arguments, InputStream input) {
    Map<String, String> values = pairs(arguments);
    ChannelAddress channel =
        new ChannelAddress(
            value(values, AERON_DIRECTORY), number(values, TO_AGENT), number(values, TO_RANK));
    return new Bootstrap(number(values, SLOT), channel, readSecret(input));
  }

  private static Map<String, String> pairs(String[] arguments) {
    List<String> known = List.of(SLOT, AERON_DIRECTORY, TO_AGENT, TO_RANK);
    Map<String, String> values = new HashMap<>();
    for (int i = 0; i < arguments.length; i += 2) {
      if (!known.contains(arguments[i]) || i + 1 == arguments.length) {
        throw bad("unknown or incomplete argument '" + arguments[i] + "'");
      }
      values.put(arguments[i], arguments[i + 1]);
    }
    return values;
  }

  private static String value(Map<String, String> values, String name) {
    String value = values.get(name);
    if (value == null) {
      throw bad(name + " is missing");
    }
    return value;
  }

  private static int number(Map<String, String> values, String name) {
    String value = value(values, name);
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw bad(name + " is '" + value + "', expected a whole number");
    }
  }

  private static long readSecret(InputStream input) {
    StringBuilder line = new StringBuilder(SECRET_DIGITS);
    try {
      for (int c = input.read(); c != '\n'; c = input.read()) {
        if (c < 0 || line.length() == SECRET_DIGITS) {
          throw bad(
              "expected a line of " + SECRET_DIGITS + " hexadecimal digits on standard input");
        }
        line.append((char) c);
      }
      return Long.parseUnsignedLong(line.toString(), 16);
    } catch (IOException | NumberFormatException e) {
      // The line itself stays out of the message: it may be the secret of somebody else.
      throw bad("standard input holds no secret: expected hexadecimal digits on its first line");
    }
  }

  private static IllegalArgumentException bad(String what) {
    return new IllegalArgumentException(
        "this program is a rank and is started by an agent: " + what);
  }

  /** Without the secret, so that it can be logged. */
  @Override
  public String toString() {
    return "Bootstrap[slot=" + slot + ", channel=" + channel + "]";
  }
}
