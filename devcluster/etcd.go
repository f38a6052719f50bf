package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// store is the running etcd and the address that the API server knows it by.
type store struct {
	server *embed.Etcd
	url    string
	socket string // folder of the socket
	data   string // data folder of the cluster
}

// startEtcd starts etcd on a unix socket: no TCP port, no certificates, reachable by the owner of the folder alone.
func startEtcd(ctx context.Context, options Options) (*store, error) {
	socket, err := socketFolder(options.DataDir)
	if err != nil {
		return nil, fmt.Errorf("etcd's socket has no place: %w", err)
	}
	address := url.URL{Scheme: "unix", Path: filepath.Join(socket, "etcd.sock")}
	if err := os.Remove(address.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // left by a process that was killed
	}
	server, err := embed.StartEtcd(etcdConfig(options.etcdDir(), address))
	if err != nil {
		return nil, fmt.Errorf("etcd did not start on %s: %w", options.etcdDir(), err)
	}
	started := &store{server: server, url: address.String(), socket: socket, data: options.DataDir}
	select {
	case <-server.Server.ReadyNotify():
		return started, nil
	case err = <-server.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	started.stop()
	return nil, fmt.Errorf("etcd did not become ready: %w", err)
}

func etcdConfig(dir string, address url.URL) *embed.Config {
	config := embed.NewConfig()
	config.Dir = dir
	config.ListenClientUrls = []url.URL{address}
	config.ListenPeerUrls = nil
	// A cluster of one advertises to nobody, but etcd insists on host:port here; nothing listens on these.
	config.InitialCluster = config.Name + "=" + config.AdvertisePeerUrls[0].String()
	config.UnsafeNoFsync = true // survives kill -9 (the kernel keeps the pages), not a power cut: right for development
	config.WarningUnaryRequestDuration = 300 * time.Millisecond
	config.QuotaBackendBytes = 4 << 30
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger())
	return config
}

// logger writes etcd's warnings to the common log, with times that people can read.
func logger() *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.ISO8601TimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), zapcore.Lock(os.Stderr), zap.WarnLevel))
}

// stop closes etcd and takes its socket away.
func (s *store) stop() {
	s.server.Close()
	if s.socket != s.data {
		_ = os.RemoveAll(s.socket) // nothing of worth is in it
	}
}
