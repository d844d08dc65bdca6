package dev.trireme.api.job;

import java.util.List;
import java.util.Optional;

/**
 * What is trained: exactly one of layers, a TorchScript file, or a class.
 *
 * @param layers in the order in which data passes through them; empty when another form is used
 * @param torchscript a TorchScript file
 * @param className a class that builds the model
 * @param jar where the class lies
 * @param weights a safetensors file to start from; names and shapes must be exactly the model's
 */
public record ModelSpec(
    @Key("The layers, first to last.") List<LayerSpec> layers,
    @Key("A TorchScript file with trainable parameters.") Optional<String> torchscript,
    @Key(value = "A public class that implements dev.trireme.engine.ModelFactory.", name = "class")
        Optional<String> className,
    @Key("The jar that holds the class, relative to the working directory.") Optional<String> jar,
    @Key(
            "A safetensors file with the weights to start from; its tensors must be exactly those of"
                + " the model.")
        Optional<String> weights) {
  public ModelSpec {
    layers = List.copyOf(layers);
    int forms =
        (layers.isEmpty() ? 0 : 1)
            + (torchscript.isPresent() ? 1 : 0)
            + (className.isPresent() ? 1 : 0);
    if (forms != 1) {
      throw new SpecException(
          "", "expected exactly one of 'layers', 'torchscript' and 'class', found " + forms);
    }
    if (jar.isPresent() && className.isEmpty()) {
      throw new SpecException(
          "jar", "'jar' is of use only beside 'class'; remove it or name the class");
    }
  }

  /** That starts from fresh weights. */
  public ModelSpec(
      List<LayerSpec> layers,
      Optional<String> torchscript,
      Optional<String> className,
      Optional<String> jar) {
    this(layers, torchscript, className, jar, Optional.empty());
  }
}
