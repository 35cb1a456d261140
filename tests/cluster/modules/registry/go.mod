module agentsandbox.test/cluster/registry

go 1.26.0
