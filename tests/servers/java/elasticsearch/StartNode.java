import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;

/** Starts one Elasticsearch node of the home given first, whose files are below the folder given second, on ports that are free. */
public final class StartNode {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        Path folder = Path.of(args[1]);
        // nothing may be logged before this
        LogConfigurator.configureESLogging();
        LogConfigurator.setNodeName("node");
        Settings settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", folder.resolve("data").toString())
            .put("path.logs", folder.resolve("logs").toString())
            .put("cluster.name", "tests")
            .put("node.name", "node")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", "0")
            .put("transport.port", "0")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            // the serial collector leaves garbage, which must not count as memory in use
            .put("indices.breaker.total.use_real_memory", false)
            .build();
        Path config = Files.createDirectories(folder.resolve("config"));
        Environment environment = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), config, () -> "node");
        Node node = NewNode.of(environment, home);
        node.start();
        new CountDownLatch(1).await();
    }
}
