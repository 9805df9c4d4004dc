import java.util.concurrent.CountDownLatch;

import org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner;

/** Starts one Elasticsearch 7 node whose files are below the folder given, on ports that are free. */
public final class StartNode {
    public static void main(String[] args) throws InterruptedException {
        ElasticsearchClusterRunner runner = new ElasticsearchClusterRunner();
        runner.onBuild((number, settings) -> settings
            .put("network.host", "127.0.0.1")
            .put("http.port", "0")
            .put("transport.port", "0")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            // the serial collector leaves garbage, which must not count as memory in use
            .put("indices.breaker.total.use_real_memory", false));
        runner.build("-basePath", args[0], "-numOfNode", "1");
        new CountDownLatch(1).await();
    }
}
