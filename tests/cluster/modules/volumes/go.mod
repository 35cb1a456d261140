module agentsandbox.test/cluster/volumes

go 1.26.0
