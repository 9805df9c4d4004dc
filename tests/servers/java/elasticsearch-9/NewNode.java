import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** A node is given its modules. */
final class NewNode {
    static Node of(Environment environment, Path home) {
        var modules = PluginsLoader.loadModulesBundles(home.resolve("modules"));
        return new Node(environment, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of()));
    }
}
