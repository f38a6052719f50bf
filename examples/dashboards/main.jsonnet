// One dashboard a service: a new line in the list below is a new ConfigMap in the cluster.
local dashboard = import 'dashboard.libsonnet';

local namespace = 'dashboards';
local services = {
  podinfo: ['http_requests_total', 'http_request_duration_seconds'],
  platform: ['apiserver_request_total'],
};

[
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
] + [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'dashboard-' + service, namespace: namespace, labels: { grafana_dashboard: '1' } },
    data: { [service + '.json']: std.manifestJsonEx(dashboard(service, services[service]), '  ') },
  }
  for service in std.objectFields(services)
]
