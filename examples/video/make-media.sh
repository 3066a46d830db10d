#!/bin/sh
# Makes clip.mp4 and chords.m4a anew.
set -eu
cd "$(dirname "$0")"

# Every picture says its own number, so that a frame out of place can be seen and read.
ffmpeg -v error -y \
  -f lavfi -i "gradients=s=640x360:r=30:d=6:c0=0x1b1550:c1=0xc2417b:c2=0xffb36b:c3=0x2a9d8f:n=4:x0=0:y0=0:x1=640:y1=360:speed=0.02" \
  -f lavfi -i "color=c=white:s=640x8:r=30:d=6" \
  -filter_complex "[0]drawtext=font='Noto Sans\:style=Bold':text='%{frame_num}':fontsize=190:fontcolor=white:x=(w-tw)/2:y=82:shadowcolor=black@0.35:shadowx=3:shadowy=5[picture];[picture][1]overlay=x='-W+W*(n+1)/180':y=352" \
  -frames:v 180 -c:v libx264 -preset veryslow -crf 24 -g 30 -pix_fmt yuv420p -movflags +faststart -an clip.mp4

# Four chords of two seconds: a held triad, and its notes plucked one after another.
ffmpeg -v error -y -f lavfi -i "aevalsrc=exprs='\
st(0,floor(t/2));\
st(1,if(eq(ld(0),0),220,if(eq(ld(0),1),174.61,if(eq(ld(0),2),261.63,196))));\
st(2,if(eq(ld(0),0),261.63,if(eq(ld(0),1),220,if(eq(ld(0),2),329.63,246.94))));\
st(3,if(eq(ld(0),0),329.63,if(eq(ld(0),1),261.63,if(eq(ld(0),2),392,293.66))));\
st(4,mod(floor(t*4),4));\
st(5,if(eq(ld(4),0),ld(1),if(eq(ld(4),1),ld(2),if(eq(ld(4),2),ld(3),ld(2)))));\
st(6,min(1,6*mod(t,2))*min(1,6*(2-mod(t,2))));\
0.11*ld(6)*(sin(2*PI*ld(1)*t)+sin(2*PI*ld(2)*t)+sin(2*PI*ld(3)*t))\
+0.30*exp(-7*mod(t,0.25))*min(1,200*mod(t,0.25))*(sin(4*PI*ld(5)*t)+0.3*sin(8*PI*ld(5)*t))\
+0.16*ld(6)*sin(PI*ld(1)*t)':s=44100:d=8" \
  -af "aecho=0.8:0.6:180|320:0.28|0.16,alimiter=limit=0.9" -t 8 -c:a aac -b:a 96k -movflags +faststart chords.m4a
