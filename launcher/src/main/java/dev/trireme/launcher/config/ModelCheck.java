package dev.trireme.launcher.config;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.model.ShapeInference;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.util.List;
import java.util.Optional;

/** Whether layers, data and loss fit together. */
final class ModelCheck {
  private final JobSpec spec;
  private final ResolvedJob.Origin origin;
  private final List<ConfigProblem> problems;

  ModelCheck(JobSpec spec, ResolvedJob.Origin origin, List<ConfigProblem> problems) {
    this.spec = spec;
    this.origin = origin;
    this.problems = problems;
  }

  /**
   * The model's outline; nothing when the layers do not fit the data, with the reason noted, and
   * nothing when the model is no list of layers.
   */
  Optional<ModelOutline> check(DatasetInfo data) {
    boolean lossFits = loss(data);
    if (spec.model().layers().isEmpty()) {
      return Optional.empty();
    }
    boolean indices = data.featureType() == DType.INT64 || data.featureType() == DType.INT32;
    types(spec.model().layers(), "layers", indices);
    rows(spec.model().layers(), data.indices());
    try {
      ModelOutline outline = ModelOutline.of(spec.model().layers(), data.itemShape());
      if (lossFits && data.classes() > 0) {
        output(outline.output(), data.classes());
      }
      return Optional.of(outline);
    } catch (ShapeInference.ShapeException e) {
      refuse("model." + e.path(), e.getMessage());
    } catch (ArithmeticException e) {
      refuse("model.layers", "the sizes of the layers multiply to more than 64 bits can hold");
    }
    return Optional.empty();
  }

  /**
   * An embedding takes integer indices and everything that computes takes real numbers.
   *
   * @param indices whether the first layer is given indices
   * @return whether what comes out is still indices
   */
  private boolean types(List<LayerSpec> layers, String path, boolean indices) {
    boolean now = indices;
    for (int i = 0; i < layers.size(); i++) {
      LayerSpec layer = layers.get(i);
      String here = path + "[" + i + "]";
      boolean shapeOnly = layer instanceof LayerSpec.Flatten || layer instanceof LayerSpec.Reshape;
      if (layer instanceof LayerSpec.Residual residual) {
        now = types(residual.layers(), here + ".layers", now);
      } else if (looksUp(layer) && !now) {
        refuse(
            "model." + here,
            layer.kind()
                + " expects integer indices, found real numbers; it must come first, on data"
                + " of indices");
        return false;
      } else if (now && !shapeOnly && !looksUp(layer)) {
        refuse(
            "model." + here,
            layer.kind() + " expects real numbers, found integer indices; put an embedding first");
        return false;
      }
      now = now && shapeOnly;
    }
    return now;
  }

  private static boolean looksUp(LayerSpec layer) {
    return layer instanceof LayerSpec.Embedding || layer instanceof LayerSpec.Factorization;
  }

  /** The table that the data's indices are looked up in has a row for each of them. */
  private void rows(List<LayerSpec> layers, long indices) {
    int first = 0;
    while (first < layers.size() && !looksUp(layers.get(first))) {
      first++;
    }
    if (first == layers.size()) {
      return;
    }
    LayerSpec table = layers.get(first);
    int rows =
        table instanceof LayerSpec.Embedding e
            ? e.rows()
            : ((LayerSpec.Factorization) table).rows();
    if (rows < indices) {
      refuse(
          "model.layers[" + first + "].rows",
          "expected a row for each of the "
              + indices
              + " indices of the data, found "
              + rows
              + "; set it to "
              + indices);
    }
  }

  /** Classes want cross-entropy, or two of them a single logit; real values want the others. */
  private boolean loss(DatasetInfo data) {
    LossKind loss = spec.train().loss();
    boolean twoClasses = loss == LossKind.BCE_WITH_LOGITS && data.classes() == 2;
    if (loss == LossKind.CROSS_ENTROPY && data.classes() == 0) {
      refuse(
          "train.loss",
          "cross-entropy needs labels that are classes, the data has real values; use mse, l1 or"
              + " bce-with-logits");
      return false;
    }
    if (loss != LossKind.CROSS_ENTROPY && data.classes() > 0 && !twoClasses) {
      refuse(
          "train.loss",
          SpecType.word(loss)
              + " needs labels that are real values, the data has "
              + data.classes()
              + " classes; use cross-entropy");
      return false;
    }
    return true;
  }

  private void output(Shape output, int classes) {
    String last = "model.layers[" + (spec.model().layers().size() - 1) + "]";
    if (spec.train().loss() == LossKind.BCE_WITH_LOGITS) {
      if (output.elements() != 1) {
        refuse(
            last,
            "the model gives the shape "
                + output
                + ", but bce-with-logits tells two classes apart by one output; end it with"
                + " flatten and linear: {out: 1}");
      }
    } else if (output.rank() != 1) {
      refuse(
          last,
          "cross-entropy needs one vector of outputs an item, the model gives the shape "
              + output
              + "; end it with flatten and linear: {out: "
              + classes
              + "}");
    } else if (output.dim(0) < classes) {
      refuse(
          last,
          "the model gives "
              + output.dim(0)
              + " outputs, the data has "
              + classes
              + " classes; end it with linear: {out: "
              + classes
              + "}");
    }
  }

  private void refuse(String key, String message) {
    problems.add(origin.problem(key, message));
  }
}
