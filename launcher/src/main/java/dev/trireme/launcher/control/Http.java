package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** What the HTTP interfaces do alike. */
final class Http {
  private Http() {}

  /**
   * Gives the JDK's server deadlines, which it has not by itself: for a request to arrive whole,
   * and for its answer to be made and taken. It reads them once, so call this before any server is
   * made.
   */
  static void setDeadlines() {
    Map.of("maxReqTime", Deadlines.REQUEST, "maxRspTime", Deadlines.CUT_OFF)
        .forEach(
            (name, deadline) -> {
              String property = "sun.net.httpserver." + name;
              if (System.getProperty(property) == null) {
                System.setProperty(property, String.valueOf(deadline.plusMillis(999).toSeconds()));
              }
            });
  }

  /**
   * Threads for a server, which end when idle. The JDK's server has a request's head read by the
   * thread that is to answer it, and TLS agreed on: who sends slowly, or nothing more, holds one
   * until the deadline. So there are more of them than requests that are worked on, and on a port
   * that anybody can reach that work is bounded apart.
   *
   * @param most threads; connections that wait for one are at most {@code waiting}
   */
  static ThreadPoolExecutor threads(String name, int most, int waiting) {
    AtomicInteger number = new AtomicInteger();
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            most,
            most,
            10,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(waiting),
            task -> {
              Thread thread = new Thread(task, name + "-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    threads.allowCoreThreadTimeOut(true);
    return threads;
  }

  /** Whether a request carries the token; compared in a time that tells nothing. */
  static boolean authorized(HttpExchange exchange, String token) {
    String given = String.valueOf(exchange.getRequestHeaders().getFirst("Authorization"));
    return MessageDigest.isEqual(
        given.getBytes(StandardCharsets.UTF_8),
        ("Bearer " + token).getBytes(StandardCharsets.UTF_8));
  }

  static JsonNode error(String message) {
    return JsonNodeFactory.instance.objectNode().put("error", message);
  }

  static void answer(HttpExchange exchange, int code, JsonNode body) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    answer(exchange, code, (body.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
  }

  static void answer(HttpExchange exchange, int code, byte[] body) throws IOException {
    exchange.sendResponseHeaders(code, body.length == 0 ? -1 : body.length);
    exchange.getResponseBody().write(body);
  }

  /** What follows the question mark, by name. */
  static Map<String, String> query(HttpExchange exchange) {
    Map<String, String> values = new HashMap<>();
    String query = exchange.getRequestURI().getQuery();
    for (String part : query == null ? new String[0] : query.split("&")) {
      int equals = part.indexOf('=');
      values.put(equals < 0 ? part : part.substring(0, equals), part.substring(equals + 1));
    }
    return values;
  }

  /**
   * A whole number of a query.
   *
   * @throws IllegalArgumentException when it is none
   */
  static long number(Map<String, String> query, String name) {
    String text = query.getOrDefault(name, "");
    if (!text.matches("[0-9]{1,18}")) {
      throw new IllegalArgumentException("expected " + name + "=N, found '" + text + "'");
    }
    return Long.parseLong(text);
  }
}
