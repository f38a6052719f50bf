package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// Options are what the command line says.
type Options struct {
	DataDir       string        // absolute; holds all state: etcd, keys, kubeconfig, log
	Kubeconfig    string        // absolute; where the admin's kubeconfig is written
	AuditLog      string        // absolute; empty: no audit log
	Nodes         int           // number of fake nodes
	Port          int           // of the API server on 127.0.0.1; 0: a free one
	StartTimeout  time.Duration // how long the cluster may take to become ready
	DieWithParent bool          // stop when the starting process ends
	APIServerArgs []string      // flags handed to kube-apiserver as they are, after ours
}

// parse reads the command line; pflag.ErrHelp after the usage was printed.
func parse(args []string) (Options, error) {
	var o Options
	flags := pflag.NewFlagSet("devcluster", pflag.ContinueOnError)
	flags.StringVar(&o.DataDir, "data-dir", "", "folder of all state; used again, it gives the same cluster (required)")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "where to write the admin kubeconfig (default DATA-DIR/kubeconfig)")
	flags.StringVar(&o.AuditLog, "audit-log", "", "write the API server's audit log here: JSON lines, level Metadata")
	flags.IntVar(&o.Nodes, "nodes", 1, "number of fake nodes")
	flags.IntVar(&o.Port, "port", 0, "port of the API server on 127.0.0.1 (0: a free one)")
	flags.DurationVar(&o.StartTimeout, "start-timeout", time.Minute, "how long the cluster may take to become ready")
	flags.BoolVar(&o.DieWithParent, "die-with-parent", false, "stop when the process that started this one ends")
	flags.StringArrayVar(&o.APIServerArgs, "apiserver-arg", nil, "a flag for kube-apiserver, as --apiserver-arg=--name=value (repeatable)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, o.complete(flags.Args())
}

// complete checks the options and fills in what follows from others.
func (o *Options) complete(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: devcluster takes flags alone, see --help", rest[0])
	case o.DataDir == "":
		return errors.New("--data-dir is missing: name a folder for the cluster's state")
	case o.Nodes < 0:
		return fmt.Errorf("--nodes is %d, it must be 0 or more", o.Nodes)
	case o.Port < 0 || o.Port > 65535:
		return fmt.Errorf("--port is %d, it must be between 0 and 65535", o.Port)
	case o.StartTimeout <= 0:
		return fmt.Errorf("--start-timeout is %s, it must be more than nothing", o.StartTimeout)
	}
	if o.Kubeconfig == "" {
		o.Kubeconfig = filepath.Join(o.DataDir, "kubeconfig")
	}
	for _, path := range []*string{&o.DataDir, &o.Kubeconfig, &o.AuditLog} {
		if err := makeAbsolute(path); err != nil {
			return err
		}
	}
	return nil
}

func makeAbsolute(path *string) error {
	if *path == "" {
		return nil
	}
	absolute, err := filepath.Abs(*path)
	*path = absolute
	return err
}

func (o *Options) logFile() string { return filepath.Join(o.DataDir, "devcluster.log") }
func (o *Options) pkiDir() string  { return filepath.Join(o.DataDir, "pki") }
func (o *Options) etcdDir() string { return filepath.Join(o.DataDir, "etcd") }
