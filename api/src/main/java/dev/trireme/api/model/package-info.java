/**
 * What can be said of a model without an engine: the shapes that data takes on its way through the
 * layers. Used to refuse an impossible model before anything starts, and by engines to size layers.
 */
package dev.trireme.api.model;
