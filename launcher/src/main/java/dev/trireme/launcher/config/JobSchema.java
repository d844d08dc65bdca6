package dev.trireme.launcher.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.api.job.JobSpec;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The JSON Schema (draft 2020-12) of a job file, from the same description of the records as the
 * reader's. It takes everything that the reader takes, short forms too; what only the records know
 * of each other (as that a model has one form out of three) it leaves to the reader.
 */
public final class JobSchema {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private final Map<String, ObjectNode> definitions = new LinkedHashMap<>();

  private JobSchema() {}

  /** The schema, indented, with a newline at its end; always the same bytes. */
  public static String text() {
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER))
            .withObjectIndenter(indenter);
    try {
      return JsonMapper.builder().build().writer(printer).writeValueAsString(schema()) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of JSON nodes cannot be written", e);
    }
  }

  static ObjectNode schema() {
    JobSchema schema = new JobSchema();
    ObjectNode root = NODES.objectNode();
    root.put("$schema", "https://json-schema.org/draft/2020-12/schema");
    root.put("title", "Trireme job");
    root.setAll(schema.object(new SpecType.Keys(JobSpec.class), Optional.empty()));
    ObjectNode all = root.putObject("$defs");
    schema.definitions.forEach(all::set);
    return root;
  }

  private ObjectNode of(SpecType type) {
    if (type instanceof SpecType.Keys keys) {
      return reference(keys.record(), () -> orEmpty(object(keys, Optional.empty())));
    }
    if (type instanceof SpecType.OneOf choice) {
      return reference(choice.choice(), () -> choice(choice));
    }
    if (type instanceof SpecType.ListOf list) {
      ObjectNode array = typed("array").set("items", of(list.element()));
      return list.orFile() ? anyOf(array, typed("string").put("pattern", "\\S")) : array;
    }
    if (type instanceof SpecType.Word word) {
      ObjectNode node = NODES.objectNode();
      word.words().keySet().forEach(node.putArray("enum")::add);
      return node;
    }
    if (type instanceof SpecType.Whole whole) {
      return whole(whole);
    }
    if (type instanceof SpecType.Real real) {
      return real(real);
    }
    if (type instanceof SpecType.Workers) {
      ObjectNode number = typed("integer").put("minimum", 1).put("maximum", 4096);
      return anyOf(number, typed("string").put("pattern", "^[0-9]+(:[0-9]+)?$"));
    }
    return type instanceof SpecType.Flag ? typed("boolean") : typed("string").put("pattern", "\\S");
  }

  private ObjectNode whole(SpecType.Whole whole) {
    ObjectNode number = typed("integer");
    if (whole.min() != Long.MIN_VALUE) {
      number.put("minimum", whole.min());
    }
    if (whole.max() != Long.MAX_VALUE) {
      number.put("maximum", whole.max());
    }
    String sizes = whole.auto() ? "^([0-9]+[kmgKMG]?|auto)$" : "^[0-9]+[kmgKMG]?$";
    return whole.size() ? anyOf(number, typed("string").put("pattern", sizes)) : number;
  }

  private ObjectNode real(SpecType.Real real) {
    ObjectNode number = typed("number");
    if (real.min() != Double.NEGATIVE_INFINITY) {
      number.put(real.exclusiveMin() ? "exclusiveMinimum" : "minimum", real.min());
    }
    if (real.max() != Double.POSITIVE_INFINITY) {
      number.put("maximum", real.max());
    }
    return number;
  }

  /** The keys of a record, and the selector's beside them where it is a variant so chosen. */
  private ObjectNode object(SpecType.Keys keys, Optional<ObjectNode> selector) {
    ObjectNode node = typed("object");
    ObjectNode properties = node.putObject("properties");
    ArrayNode required = NODES.arrayNode();
    selector.ifPresent(
        s -> {
          properties.setAll(s);
          s.fieldNames().forEachRemaining(required::add);
        });
    for (SpecType.Field field : keys.fields()) {
      properties.set(field.name(), property(field));
      if (field.required()) {
        required.add(field.name());
      }
    }
    node.put("additionalProperties", false);
    if (!required.isEmpty()) {
      node.set("required", required);
    }
    return node;
  }

  private ObjectNode property(SpecType.Field field) {
    ObjectNode type = of(field.type());
    ObjectNode property = field.required() ? type : orNull(type);
    property.put("description", field.key().value());
    field.defaultValue().ifPresent(text -> defaultOf(property, field.type(), text));
    return property;
  }

  private static void defaultOf(ObjectNode property, SpecType type, String text) {
    if (type instanceof SpecType.Real || type instanceof SpecType.Whole whole && !whole.size()) {
      property.put("default", new BigDecimal(text));
    } else if (type instanceof SpecType.Flag) {
      property.put("default", Boolean.parseBoolean(text));
    } else if (type instanceof SpecType.Keys) {
      property.putObject("default");
    } else {
      property.put("default", text);
    }
  }

  private ObjectNode choice(SpecType.OneOf choice) {
    List<ObjectNode> forms = new ArrayList<>();
    if (choice.selector().isPresent()) {
      choice.variants().forEach((name, variant) -> forms.add(selected(choice, name, variant)));
      return anyOf(forms.toArray(ObjectNode[]::new));
    }
    choice
        .variants()
        .forEach(
            (name, variant) -> {
              if (variant.standsAlone()) {
                forms.add(NODES.objectNode().put("const", name).put("description", variant.doc()));
              }
            });
    forms.add(around(choice));
    return anyOf(forms.toArray(ObjectNode[]::new));
  }

  private ObjectNode selected(SpecType.OneOf choice, String name, SpecType.VariantType variant) {
    ObjectNode selector = NODES.objectNode();
    selector
        .putObject(choice.selector().orElseThrow())
        .put("const", name)
        .put("description", variant.doc());
    return object(variant.keys(), Optional.of(selector)).put("description", variant.doc());
  }

  /** The form of one key, the variant's name, around the variant's own keys. */
  private ObjectNode around(SpecType.OneOf choice) {
    ObjectNode node = typed("object");
    ObjectNode properties = node.putObject("properties");
    choice
        .variants()
        .forEach(
            (name, variant) -> {
              ObjectNode keys = object(variant.keys(), Optional.empty());
              List<ObjectNode> forms = new ArrayList<>(List.of(keys));
              variant.shorthand().ifPresent(field -> forms.add(of(field.type())));
              if (variant.standsAlone()) {
                forms.add(typed("null"));
              }
              ObjectNode content =
                  forms.size() == 1 ? keys : anyOf(forms.toArray(ObjectNode[]::new));
              properties.set(name, content.put("description", variant.doc()));
            });
    return node.put("minProperties", 1).put("maxProperties", 1).put("additionalProperties", false);
  }

  private ObjectNode reference(Class<?> owner, Supplier<ObjectNode> definition) {
    String name = owner.getSimpleName();
    if (!definitions.containsKey(name)) {
      // Reserved first, because a layer's definition refers to layers.
      definitions.put(name, NODES.objectNode());
      definitions.get(name).setAll(definition.get());
    }
    return NODES.objectNode().put("$ref", "#/$defs/" + name);
  }

  /** A section may be there without any key in it when none of its keys is required. */
  private static ObjectNode orEmpty(ObjectNode object) {
    if (!object.has("required")) {
      object.putArray("type").add("object").add("null");
    }
    return object;
  }

  private static ObjectNode orNull(ObjectNode type) {
    if (type.path("type").isTextual()) {
      String only = type.get("type").asText();
      type.putArray("type").add(only).add("null");
      return type;
    }
    return anyOf(type, typed("null"));
  }

  private static ObjectNode anyOf(ObjectNode... forms) {
    ObjectNode node = NODES.objectNode();
    node.putArray("anyOf").addAll(List.of(forms));
    return node;
  }

  private static ObjectNode typed(String type) {
    return NODES.objectNode().put("type", type);
  }
}
