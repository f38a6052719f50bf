// Command devcluster runs a real Kubernetes control plane in one process: etcd, kube-apiserver,
// kube-controller-manager and kube-scheduler, with fake nodes whose pods become Ready without containers.
//
// It speaks in one line of JSON on standard output, when the cluster is ready or cannot be; all logs go
// to a file in the data folder. README.md tells the flags and the annotations that steer pods.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// readyLine is the one line on standard output when the cluster can be used.
type readyLine struct {
	Ready      bool    `json:"ready"`
	Server     string  `json:"server"`
	Kubeconfig string  `json:"kubeconfig"`
	Version    string  `json:"version"`
	Nodes      int     `json:"nodes"`
	Seconds    float64 `json:"seconds"`
	PID        int     `json:"pid"`
}

// failureLine is the one line on standard output when the cluster did not come up.
type failureLine struct {
	Ready bool   `json:"ready"`
	Error string `json:"error"`
}

func main() {
	began := time.Now()
	options, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		say(os.Stdout, failureLine{Error: err.Error()})
		os.Exit(1)
	}
	if err := run(options, began); err != nil {
		os.Exit(1)
	}
}

// run holds the cluster up until a signal, the parent's end or a component's failure; it says what happened.
func run(options Options, began time.Time) error {
	lock, err := lockFolder(options.DataDir)
	if err != nil {
		say(os.Stdout, failureLine{Error: err.Error()})
		return err
	}
	defer lock.Close()
	out, err := redirectOutput(options.logFile())
	if err != nil {
		say(os.Stdout, failureLine{Error: err.Error()})
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if options.DieWithParent {
		ctx = endWithParent(ctx)
	}
	cluster, err := start(ctx, options)
	if err != nil {
		say(out.stdout, failureLine{Error: err.Error()})
		return err
	}
	say(out.stdout, readyLine{
		Ready: true, Server: cluster.server, Kubeconfig: options.Kubeconfig, Version: kubernetesVersion,
		Nodes: options.Nodes, Seconds: time.Since(began).Round(10 * time.Millisecond).Seconds(), PID: os.Getpid(),
	})
	err = cluster.wait(ctx)
	if err != nil {
		fmt.Fprintln(out.stderr, "devcluster:", err)
	}
	return err
}

// say writes one line of JSON.
func say(to *os.File, line any) {
	_ = json.NewEncoder(to).Encode(line) // nobody may be listening any more
}

// endWithParent derives a context that ends when the parent process does, by SIGKILL too.
// It asks once a second: the kernel's parent-death signal fires already when the *thread* that started us ends.
func endWithParent(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		defer cancel()
		for os.Getppid() == parent && ctx.Err() == nil {
			time.Sleep(time.Second)
		}
	}()
	return ctx
}
