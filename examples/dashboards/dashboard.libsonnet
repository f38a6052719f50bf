// A dashboard with one graph a metric.
function(service, metrics) {
  title: service,
  uid: 'service-' + service,
  schemaVersion: 39,
  panels: [
    {
      type: 'timeseries',
      title: metrics[index],
      gridPos: { x: 12 * (index % 2), y: 8 * std.floor(index / 2), w: 12, h: 8 },
      targets: [{ expr: 'sum(rate(%s{service="%s"}[5m]))' % [metrics[index], service] }],
    }
    for index in std.range(0, std.length(metrics) - 1)
  ],
}
