package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.Map;

/** What the HTTP interfaces do alike. */
final class Http {
  private Http() {}

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
