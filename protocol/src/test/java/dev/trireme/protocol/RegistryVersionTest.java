package dev.trireme.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Holds each registry version to the text it was released with. */
class RegistryVersionTest {
  @Test
  void shouldRaiseTheVersionWhenAMessageChanges() throws IOException {
    String resource = "registry-" + MessageRegistry.VERSION + ".txt";
    String released = "";
    try (InputStream in = getClass().getResourceAsStream(resource)) {
      if (in != null) {
        released = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      }
    }

    Path current = Path.of("target", resource);
    Files.writeString(current, describe());

    assertThat(describe())
        .as(
            "What messages are made of has changed. If version %d has been released, raise"
                + " MessageRegistry.VERSION; either way copy %s to"
                + " src/test/resources/dev/trireme/protocol/",
            MessageRegistry.VERSION, current)
        .isEqualTo(released);
  }

  private static String describe() {
    StringBuilder text = new StringBuilder();
    Map<String, String> enums = new TreeMap<>();
    MessageRegistry.byId()
        .forEach(
            (id, type) -> {
              text.append(id).append(' ').append(name(type)).append('\n');
              for (RecordComponent component : type.getRecordComponents()) {
                text.append("    ").append(component.getName()).append(": ");
                text.append(name(component.getGenericType())).append('\n');
                ValueTypes.of(component.getGenericType()).stream()
                    .filter(Class::isEnum)
                    .forEach(e -> enums.put(name(e), constants(e)));
              }
            });
    enums.forEach((name, constants) -> text.append(name + " " + constants + '\n'));
    return text.toString();
  }

  private static String constants(Class<?> type) {
    return Arrays.stream(type.getEnumConstants())
        .map(String::valueOf)
        .collect(Collectors.joining(" "));
  }

  private static String name(Type type) {
    return type.getTypeName().replaceAll("[a-z]+\\.", "");
  }
}
