import java.nio.file.Path;

import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;

/** A node finds its modules itself. */
final class NewNode {
    static Node of(Environment environment, Path home) {
        return new Node(environment);
    }
}
