import { useLayoutEffect, useRef } from 'react';
import { useCurrentFrame, useVideoConfig } from 'remotion';
import { drawBall } from '../../scenes/ball/motion.js';

export function Ball() {
  const canvas = useRef(null);
  const seconds = useCurrentFrame() / useVideoConfig().fps;
  useLayoutEffect(() => {
    drawBall(canvas.current.getContext('2d'), seconds);
  }, [seconds]);
  return <canvas ref={canvas} width={1920} height={1080} style={{ display: 'block' }} />;
}
