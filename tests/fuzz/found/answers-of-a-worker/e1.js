onmessage = ({ data }) => postMessage(data / 9);
