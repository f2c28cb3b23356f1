package proc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// SaveProfile records a CPU profile of a Go program that shows its profiles at an address, host:port, and writes it to path.
func SaveProfile(ctx context.Context, address string, d time.Duration, path string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address, int(d.Seconds()))
	if err := download(ctx, url, path); err != nil {
		return fmt.Errorf("cannot save a profile: %w", err)
	}
	return nil
}

// download saves what a URL answers.
func download(ctx context.Context, url, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, resp.Body); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
